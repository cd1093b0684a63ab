"""Dropping root: mapping needs root, the accesses and the files do not."""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
from dataclasses import dataclass

from regtap.errors import InputError
from regtap.system.host import own_version
from regtap.system.permissions import user_name

MOST_PRIORITY = 99  # of SCHED_FIFO


@dataclass(frozen=True, slots=True)
class User:
    """Whom to become."""

    name: str
    uid: int
    gid: int


def user_behind_root(wanted: str | None) -> User | None:
    """Return the user behind sudo, owner of all new files; None without root, or if no user is named.

    Args:
        wanted: A user's name or number; None: whoever called sudo.

    Raises:
        InputError: There is no such user.
    """
    if os.geteuid() != 0:
        return None
    if wanted is not None:
        return _named(wanted)
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if uid.isdigit() and gid.isdigit() and int(uid) != 0:
        return User(os.environ.get("SUDO_USER", uid), int(uid), int(gid))
    return None


def _named(wanted: str) -> User:
    try:
        entry = pwd.getpwuid(int(wanted)) if wanted.isdigit() else pwd.getpwnam(wanted)
    except (KeyError, OverflowError) as error:
        raise InputError(f"there is no user {wanted!r} on this machine") from error
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid)


def become(user: User, *, realtime: bool = False) -> None:
    """Switch to a user for good, in all threads: groups, ids, and no capabilities.

    Before that, the limits are raised that the sampling thread meets later: locked memory and, where real time
    was asked for, its priority (which a command that is run meanwhile inherits).

    The C library carries each call out in all threads. Leaving uid 0 for another in all three ids clears the
    capability sets (capabilities(7), "Effect of user ID changes on capabilities").
    """
    _raise_limit(resource.RLIMIT_MEMLOCK, resource.RLIM_INFINITY)
    if realtime:
        _raise_limit(resource.RLIMIT_RTPRIO, MOST_PRIORITY)
    os.setgroups([user.gid])
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)


def become_owner(path: str) -> None:
    """Let root go on as the owner of a trace or spool: files are that user's then.

    Does nothing without root, or where nothing lies at the path: whoever opens it says so.
    """
    if os.geteuid() != 0:
        return
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    status = os.fstat(fd)
    os.close(fd)
    if status.st_uid != 0:
        own_version()  # reads our own installation, which a user without root need not be able to
        become(User(user_name(status.st_uid), status.st_uid, status.st_gid))


def _raise_limit(limit: int, value: int) -> None:
    """Raise a resource limit as far as this root may; the capture warns if that is too little."""
    with contextlib.suppress(ValueError):  # a container's root without CAP_SYS_RESOURCE
        resource.setrlimit(limit, (value, value))
