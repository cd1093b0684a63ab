"""Causes and remedies of a kernel's error numbers, for all targets; mem, pci and uio have some of their own."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from regtap.errors import RefusedError
from regtap.system import permissions

if TYPE_CHECKING:
    from regtap.registers.model import Register

# errno -> (cause, remedy)
_AT_OPEN = {
    errno.ENOENT: ("there is no {node}", "check the name"),
    errno.ENXIO: ("no driver answers behind {node}", "load the device's driver"),
    errno.ENODEV: ("no driver answers behind {node}", "load the device's driver"),
    errno.EPERM: (
        "the kernel forbids opening {node} (an immutable file, or the container's device rules)",
        "give the container that device, or run outside it",
    ),
    errno.EROFS: ("{node} lies on a read-only file system", "only read it, or remount the file system"),
    errno.EBUSY: ("another program holds {node}", "stop that program (`fuser -v {node}` names it)"),
    errno.ETXTBSY: ("{node} is a program that is running", "write to a copy of it"),
    errno.ELOOP: ("{node} is a circle of symbolic links", "name the file itself"),
    errno.EMFILE: ("this process has too many open files", "raise the limit (`ulimit -n`)"),
}
_AT_MAP = {
    errno.ENODEV: (
        "{node} cannot be mapped: its driver or file system has no mmap",
        "name a file on another one",
    ),
    errno.EACCES: ("{node} may not be mapped for this access", "only read it, or change its mode"),
    errno.EPERM: (
        "the kernel forbids mapping {node} at {place}",
        "only read it, or see `dmesg` for who objects",
    ),
    errno.EINVAL: ("the kernel has no such part of {node} to map ({place})", "check the address"),
    errno.EAGAIN: (
        "{node} at {place} is mapped with another cache type elsewhere, or too much memory is locked",
        "unbind the driver that uses it, or raise `ulimit -l`",
    ),
    errno.ENOMEM: ("no room to map {place} of {node}", "free memory, or raise `ulimit -v`"),
    errno.EOVERFLOW: ("{place} is past what {node} can address", "check the address"),
}
_ROOT_GROUP = 0  # joining it is no better than being root
_UNKNOWN = ("{node}: {text}", "see `dmesg` for the kernel's own word on it")


def at_open(node: str, error: OSError, *, writable: bool) -> RefusedError:
    """Return the refusal for a failed open() of a node."""
    if error.errno == errno.EACCES:
        return no_permission(node, error, writable=writable)
    return _from_table(_AT_OPEN, error, node=node)


def at_map(node: str, error: OSError, run: tuple[int, int]) -> RefusedError:
    """Return the refusal for a failed mmap() of the part [first, end) of a node."""
    return _from_table(_AT_MAP, error, node=node, place=f"{run[0]:#x}-{run[1] - 1:#x}")


def at_syscall(spec: str, register: Register, error: OSError | None) -> RefusedError:
    """Return the refusal for a failed pread() or pwrite() of a register."""
    where = f"{register.name} at {register.address:#x}"
    text = os.strerror(error.errno or 0) if error else "it has no such way"
    return RefusedError(
        f"{spec} refuses system calls to {where} ({text})",
        remedy="reach it by its mapping",
        errno=error.errno if error else None,
    )


def no_permission(node: str, error: OSError, *, writable: bool, group_helps: bool = True) -> RefusedError:
    """Return the refusal for EACCES: the node's mode bits keep this user out."""
    cause = (
        f"{node} is {permissions.describe_node(node)} and this process runs as {permissions.describe_user()}"
    )
    if os.geteuid() == 0:  # a container or sandbox took the capability that lets root in
        return RefusedError(cause, remedy="change its mode, or allow CAP_DAC_OVERRIDE", errno=error.errno)
    group = _opening_group(node, writable) if group_helps else None
    remedy = f"run as root (sudo), or join group {group}" if group else "run as root (sudo)"
    return RefusedError(cause, remedy=remedy, errno=error.errno)


def _opening_group(node: str, writable: bool) -> str | None:
    """Return the group with permission to open the node, or None."""
    needed = stat.S_IRGRP | (stat.S_IWGRP if writable else 0)
    try:
        status = os.stat(node)
    except OSError:
        return None
    helps = status.st_mode & needed == needed and status.st_gid != _ROOT_GROUP
    return permissions.group_name(status.st_gid) if helps else None


def _from_table(table: dict[int, tuple[str, str]], error: OSError, **words: str) -> RefusedError:
    cause, remedy = table.get(error.errno or 0, _UNKNOWN)
    words["text"] = os.strerror(error.errno or 0)
    return RefusedError(cause.format(**words), remedy=remedy.format(**words), errno=error.errno)
