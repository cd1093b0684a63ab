"""What the running system says about itself, for refusals that name their cause."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat

IOMEM = "/proc/iomem"
CPUINFO = "/proc/cpuinfo"
LOCKDOWN = "/sys/kernel/security/lockdown"
STATUS = "/proc/self/status"
_CAP_SYS_RAWIO = 17
_IOMEM_LINE = re.compile(r"( *)([0-9a-f]+)-([0-9a-f]+) : (.*)")


def read_text(path: str) -> str | None:
    """Return a small file's text without the last newline, or None if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return None


def lockdown_mode() -> str:
    """Return `none`, `integrity` or `confidentiality`; `none` where the kernel does not say."""
    match = re.search(r"\[(\w+)\]", read_text(LOCKDOWN) or "")
    return match[1] if match else "none"


def has_rawio() -> bool:
    """Return whether this process has CAP_SYS_RAWIO."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", read_text(STATUS) or "", re.MULTILINE)
    return match is not None and bool(int(match[1], 16) >> _CAP_SYS_RAWIO & 1)


def physical_address_bits() -> int | None:
    """Return the width of a physical address, where the kernel tells (x86)."""
    match = re.search(r"^address sizes\s*:\s*(\d+) bits physical", read_text(CPUINFO) or "", re.MULTILINE)
    return int(match[1]) if match else None


def owners_of(first: int, end: int) -> tuple[str, ...]:
    """Return the names that /proc/iomem gives to physical addresses [first, end), outermost first.

    Empty where nothing is listed, or where the kernel hides the addresses from this user.
    """
    names: list[str] = []
    for line in (read_text(IOMEM) or "").splitlines():
        match = _IOMEM_LINE.match(line)
        if match and int(match[2], 16) < end and int(match[3], 16) >= max(first, 1):
            depth = len(match[1]) // 2
            names[depth:] = [match[4]]
    return tuple(names)


def describe_node(path: str) -> str:
    """Return mode and owner as `ls -l` shows them, or that the path cannot be looked at."""
    try:
        status = os.stat(path)
    except OSError:
        return "out of reach (a folder above it is closed)"
    return f"{stat.filemode(status.st_mode)} {_user(status.st_uid)}:{group_name(status.st_gid)}"


def describe_user() -> str:
    """Return the effective user of this process."""
    return _user(os.geteuid())


def group_name(gid: int) -> str:
    """Return a group's name, or its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
