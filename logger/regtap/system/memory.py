"""The memory left for this process: of the machine, within cgroups and resource limits."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.system.kernel import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_CGROUPS = "/sys/fs/cgroup"
_UNLIMITED = 1 << 60  # cgroups of version 1 spell "no limit" as a number of about 2**63


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory left for this process.

    Attributes:
        available_bytes: Memory that can be had without swapping.
        bound: The limit that sets this bound, such as `the machine's memory`.
        swap_bytes: Free swap space.
    """

    available_bytes: int
    bound: str
    swap_bytes: int = 0


def available_memory(root: str = "") -> Memory | None:
    """Return the memory left for this process, or None if the kernel reports nothing.

    Args:
        root: Root of the file system; another one serves tests, where this process's own limits do not count.
    """
    sizes = _meminfo(root)
    bounds = [(left, "a memory cgroup") for left in _left_in_cgroups(root)]
    if "MemAvailable" in sizes:
        bounds.append((sizes["MemAvailable"], "the machine's memory"))
    if not root:
        bounds += _left_of_address_space()
    if not bounds:
        return None
    available_bytes, bound = min(bounds)
    return Memory(max(0, available_bytes), bound, sizes.get("SwapFree", 0))


def _meminfo(root: str) -> dict[str, int]:
    """Return the sizes in /proc/meminfo by name, in bytes."""
    sizes = {}
    for line in (read_text(f"{root}/proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            sizes[name] = int(words[0]) << 10
    return sizes


def _left_in_cgroups(root: str) -> Iterator[int]:
    """Yield the bytes left in each memory cgroup around this process, of version 1 and 2."""
    for line in (read_text(f"{root}/proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            yield from _left_along(f"{root}{_CGROUPS}", path, ("memory.max", "memory.current"))
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes"
            yield from _left_along(f"{root}{_CGROUPS}/memory", path, names)


def _left_along(mount: str, path: str, names: tuple[str, str]) -> Iterator[int]:
    """Yield the bytes left in a cgroup and in its parents; in a container the mount itself may be the cgroup."""
    while True:
        left = _left_in(os.path.normpath(f"{mount}/{path}"), *names)
        if left is not None:
            yield left
        if path.strip("/") == "":
            return
        path = os.path.dirname(path)


def _left_in(folder: str, limit_name: str, usage_name: str) -> int | None:
    limit, usage = (read_text(f"{folder}/{name}") or "" for name in (limit_name, usage_name))
    if not limit.isdecimal() or not usage.isdecimal() or int(limit) >= _UNLIMITED:
        return None
    return int(limit) - int(usage) + _reclaimable(folder)


def _reclaimable(folder: str) -> int:
    """Return the bytes that a cgroup counts as used but frees at once: its inactive pages of files."""
    for line in (read_text(f"{folder}/memory.stat") or "").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in ("inactive_file", "total_inactive_file") and words[1].isdecimal():
            return int(words[1])
    return 0


def _left_of_address_space() -> list[tuple[int, str]]:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = (read_text("/proc/self/statm") or "").split()
    if soft == resource.RLIM_INFINITY or not pages:
        return []
    return [(soft - int(pages[0]) * resource.getpagesize(), "ulimit -v")]
