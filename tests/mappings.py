"""What the kernel says of a process's mappings: /proc/PID/smaps, see proc_pid_smaps(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HEAD = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ \S+ \d+ *(.*)")


def flags_of(path: str, smaps: str) -> list[set[str]]:
    """Return the VmFlags of each mapping of a file, in the order of their addresses.

    Args:
        path: As smaps has it.
        smaps: Its text.
    """
    return [flags for name, flags in _mappings(smaps) if name == path]


def _mappings(smaps: str) -> Iterator[tuple[str, set[str]]]:
    name = ""
    for line in smaps.splitlines():
        head = _HEAD.fullmatch(line)
        if head is not None:
            name = head[1]
        elif line.startswith("VmFlags:"):
            yield name, set(line.removeprefix("VmFlags:").split())
