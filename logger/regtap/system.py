"""What the running system says about itself: for refusals that name their cause, and for `regtap doctor`.

Every function that reads a file takes the root of the file system; another one serves tests.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from functools import cache
from typing import NamedTuple

IOMEM = "/proc/iomem"
CPUINFO = "/proc/cpuinfo"
CMDLINE = "/proc/cmdline"
LOCKDOWN = "/sys/kernel/security/lockdown"
STATUS = "/proc/self/status"
CAP_SYS_RAWIO = 17
_IOMEM_LINE = re.compile(r"( *)([0-9a-f]+)-([0-9a-f]+) : (.*)")
_BARS = 6
# include/linux/ioport.h
_IORESOURCE_IO = 0x100
_IORESOURCE_MEM_64 = 0x100000


class Resource(NamedTuple):
    """A line of /proc/iomem: physical addresses [first, last], and how deep it is nested."""

    first: int
    last: int
    depth: int
    name: str


class PciBar(NamedTuple):
    """A line of a PCI device's sysfs file `resource`."""

    start: int
    end: int
    flags: int

    @property
    def exists(self) -> bool:
        """Whether the device has it, with an address."""
        return self.end > self.start

    @property
    def is_memory(self) -> bool:
        """Whether it is memory, and not I/O ports."""
        return not self.flags & _IORESOURCE_IO

    @property
    def is_64bit(self) -> bool:
        """Whether the next BAR is its upper half."""
        return bool(self.flags & _IORESOURCE_MEM_64)

    @property
    def size_bytes(self) -> int:
        """How much of the address space it takes."""
        return self.end - self.start + 1


def read_text(path: str) -> str | None:
    """Return a small file's text without the last newline, or None if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return None


def list_folder(path: str) -> list[str]:
    """Return the sorted names in a folder; none if it cannot be listed."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def is_in_memory(path: str, root: str = "") -> bool:
    """Return whether a file or folder lies on a file system that has no disk."""
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts = (line.split() for line in (read_text(f"{root}/proc/self/mountinfo") or "").splitlines())
    # mount, parent, major:minor, root, place, options, optional fields, "-", type, ...
    return any(
        mount[2] == number and mount[mount.index("-") + 1] in ("tmpfs", "ramfs")
        for mount in mounts
        if "-" in mount
    )


def lockdown_mode(root: str = "") -> str:
    """Return `none`, `integrity` or `confidentiality`; `none` where the kernel does not say.

    Where securityfs is not mounted, what the kernel was booted with has to do.
    """
    text = read_text(root + LOCKDOWN)
    if text is None:
        match = re.search(r"(?:^|\s)lockdown=(integrity|confidentiality)(?:\s|$)", boot_arguments(root))
    else:
        match = re.search(r"\[(\w+)\]", text)
    return match[1] if match else "none"


def boot_arguments(root: str = "") -> str:
    """Return the kernel's command line, empty where it cannot be read."""
    return read_text(root + CMDLINE) or ""


def capability_mask(root: str = "") -> int:
    """Return this process's effective capabilities, a bit each."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", read_text(root + STATUS) or "", re.MULTILINE)
    return int(match[1], 16) if match else 0


def has_rawio() -> bool:
    """Return whether this process has CAP_SYS_RAWIO."""
    return bool(capability_mask() >> CAP_SYS_RAWIO & 1)


def physical_address_bits(root: str = "") -> int | None:
    """Return the width of a physical address, where the kernel tells (x86)."""
    text = read_text(root + CPUINFO) or ""
    match = re.search(r"^address sizes\s*:\s*(\d+) bits physical", text, re.MULTILINE)
    return int(match[1]) if match else None


def is_virtual(root: str = "") -> bool | None:
    """Return whether this is a virtual machine; None where the processor's flags do not tell (x86)."""
    flags = re.search(r"^flags\s*:(.*)", read_text(root + CPUINFO) or "", re.MULTILINE)
    return "hypervisor" in flags[1].split() if flags else None


def iomem_resources(root: str = "") -> tuple[Resource, ...]:
    """Return /proc/iomem in its order; to users without CAP_SYS_ADMIN every address in it is 0."""
    matches = map(_IOMEM_LINE.match, (read_text(root + IOMEM) or "").splitlines())
    return tuple(
        Resource(int(match[2], 16), int(match[3], 16), len(match[1]) // 2, match[4])
        for match in matches
        if match
    )


def owners_of(first: int, end: int) -> tuple[str, ...]:
    """Return the names that /proc/iomem gives to physical addresses [first, end), outermost first.

    Empty where nothing is listed, or where the kernel hides the addresses from this user.
    """
    return tuple(resource.name for resource in owning_resources(iomem_resources(), first, end))


def owning_resources(resources: tuple[Resource, ...], first: int, end: int) -> tuple[Resource, ...]:
    """Return the resources that hold physical addresses [first, end), outermost first."""
    owners: list[Resource] = []
    for resource in resources:
        if resource.first < end and resource.last >= max(first, 1):
            owners[resource.depth :] = [resource]
    return tuple(owners)


def parse_bars(text: str) -> list[PciBar]:
    """Return the six BARs that a PCI device's file `resource` describes.

    Raises:
        ValueError: It cannot be understood.
    """
    rows = [[int(number, 16) for number in line.split()] for line in text.splitlines()[:_BARS]]
    if len(rows) < _BARS or any(len(row) != len(PciBar._fields) for row in rows):
        raise ValueError("not six lines of three numbers")
    return [PciBar(*row) for row in rows]


def describe_node(path: str) -> str:
    """Return mode and owner as `ls -l` shows them, or that the path cannot be looked at."""
    try:
        status = os.stat(path)
    except OSError:
        return "out of reach (a folder above it is closed)"
    return describe_status(status)


def describe_status(status: os.stat_result) -> str:
    """Return mode and owner as `ls -l` shows them."""
    return f"{stat.filemode(status.st_mode)} {user_name(status.st_uid)}:{group_name(status.st_gid)}"


def describe_user() -> str:
    """Return the effective user of this process."""
    return user_name(os.geteuid())


def group_name(gid: int) -> str:
    """Return a group's name, or its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


@cache
def user_name(uid: int) -> str:
    """Return a user's name, or `uid` and the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
