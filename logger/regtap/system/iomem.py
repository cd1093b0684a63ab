"""/proc/iomem: the regions of physical memory, and the drivers with a claim on them."""

from __future__ import annotations

import re
from typing import NamedTuple

from regtap.system.kernel import read_text

IOMEM = "/proc/iomem"
_IOMEM_LINE = re.compile(r"( *)([0-9a-f]+)-([0-9a-f]+) : (.*)")


class Resource(NamedTuple):
    """A line of /proc/iomem: physical addresses [first, last], and the depth of nesting."""

    first: int
    last: int
    depth: int
    name: str


def iomem_resources(root: str = "") -> tuple[Resource, ...]:
    """Return the lines of /proc/iomem in order; without CAP_SYS_ADMIN every address is 0."""
    return parse_iomem(read_text(root + IOMEM) or "")


def parse_iomem(text: str) -> tuple[Resource, ...]:
    """Return the resources in a text of /proc/iomem, in its order."""
    matches = map(_IOMEM_LINE.match, text.splitlines())
    return tuple(
        Resource(int(match[2], 16), int(match[3], 16), len(match[1]) // 2, match[4])
        for match in matches
        if match
    )


def owners_of(first: int, end: int) -> tuple[str, ...]:
    """Return the names in /proc/iomem of physical addresses [first, end), outermost first.

    Empty where nothing is listed, or where the kernel hides the addresses from this user.
    """
    return tuple(resource.name for resource in owning_resources(iomem_resources(), first, end))


def owning_resources(resources: tuple[Resource, ...], first: int, end: int) -> tuple[Resource, ...]:
    """Return the resources around physical addresses [first, end), outermost first."""
    owners: list[Resource] = []
    for resource in resources:
        if resource.first < end and resource.last >= max(first, 1):
            owners[resource.depth :] = [resource]
    return tuple(owners)
