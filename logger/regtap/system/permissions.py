"""Users, groups and permission bits, in words for messages."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from functools import cache


def describe_node(path: str) -> str:
    """Return mode and owner of a path as `ls -l` shows them, or a remark if stat fails."""
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
    """Return the name of a group, or its number if the group has no name."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


@cache
def user_name(uid: int) -> str:
    """Return the name of a user, or `uid` and the number if the user has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
