"""Facts that the running kernel reports: for the causes of refusals, and for `regtap doctor`.

Every function that reads a file takes the root of the file system; another one serves tests.
"""

from __future__ import annotations

import mmap
import os
import re

CPUINFO = "/proc/cpuinfo"
CMDLINE = "/proc/cmdline"
LOCKDOWN = "/sys/kernel/security/lockdown"
STATUS = "/proc/self/status"
CAP_SYS_RAWIO = 17  # include/uapi/linux/capability.h
PAGE_BYTES = mmap.PAGESIZE


def read_text(path: str) -> str | None:
    """Return the text of a small file without the last newline, or None if the file cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return None


def list_folder(path: str) -> list[str]:
    """Return the sorted names in a folder; an empty list if the folder cannot be listed."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def is_in_memory(path: str, root: str = "") -> bool:
    """Return whether a file or folder lies on tmpfs or ramfs.

    Args:
        path: An existing one.
        root: Prefix of /proc, for tests.

    Raises:
        OSError: There is no such path.
    """
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
    """Return the lockdown mode: `none`, `integrity` or `confidentiality`; `none` if unknown.

    Without securityfs, the boot argument `lockdown=` decides.
    """
    text = read_text(root + LOCKDOWN)
    if text is None:
        match = re.search(r"(?:^|\s)lockdown=(integrity|confidentiality)(?:\s|$)", boot_arguments(root))
    else:
        match = re.search(r"\[(\w+)\]", text)
    return match[1] if match else "none"


def boot_arguments(root: str = "") -> str:
    """Return the kernel's command line, or an empty text if unreadable."""
    return read_text(root + CMDLINE) or ""


def capability_mask(root: str = "") -> int:
    """Return this process's effective capabilities, a bit each."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", read_text(root + STATUS) or "", re.MULTILINE)
    return int(match[1], 16) if match else 0


def has_rawio() -> bool:
    """Return whether this process has CAP_SYS_RAWIO."""
    return bool(capability_mask() >> CAP_SYS_RAWIO & 1)


def physical_address_bits(root: str = "") -> int | None:
    """Return the width of a physical address in bits, or None if unknown (only x86 reports the width)."""
    text = read_text(root + CPUINFO) or ""
    match = re.search(r"^address sizes\s*:\s*(\d+) bits physical", text, re.MULTILINE)
    return int(match[1]) if match else None


def is_virtual(root: str = "") -> bool | None:
    """Return whether this is a virtual machine, or None if unknown (only x86 has the flag)."""
    flags = re.search(r"^flags\s*:(.*)", read_text(root + CPUINFO) or "", re.MULTILINE)
    return "hypervisor" in flags[1].split() if flags else None
