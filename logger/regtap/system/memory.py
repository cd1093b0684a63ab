"""How much memory this process may still use: what the machine has, and what cgroups and limits leave of it."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.system.kernel import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_CGROUPS = "/sys/fs/cgroup"
_UNLIMITED = 1 << 60  # version 1 says "no limit" by a number of about 2**63


@dataclass(frozen=True, slots=True)
class Memory:
    """What is left.

    Attributes:
        available_bytes: Memory that can be had without swapping.
        bound: What sets this bound, such as `the machine's memory`.
        swap_bytes: Free swap space.
    """

    available_bytes: int
    bound: str
    swap_bytes: int = 0


def available_memory(root: str = "") -> Memory | None:
    """Return what is left for this process; None where the kernel says nothing about it.

    Args:
        root: Of the file system; another one serves tests, where this process's own limits do not count.
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
    """Return the lines of /proc/meminfo that can be read, in bytes."""
    sizes = {}
    for line in (read_text(f"{root}/proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            sizes[name] = int(words[0]) << 10
    return sizes


def _left_in_cgroups(root: str) -> Iterator[int]:
    """Yield what each memory cgroup around this process leaves, of either version."""
    for line in (read_text(f"{root}/proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            yield from _left_along(f"{root}{_CGROUPS}", path, ("memory.max", "memory.current"))
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes"
            yield from _left_along(f"{root}{_CGROUPS}/memory", path, names)


def _left_along(mount: str, path: str, names: tuple[str, str]) -> Iterator[int]:
    """Yield what a cgroup and those above it leave; in a container the mount itself may be this process's."""
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
    """Return what a cgroup counts as used and gives up at once: pages of files that nobody has looked at lately."""
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
