"""Device nodes, looked at without opening them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from regtap.system import permissions


@dataclass(frozen=True, slots=True)
class Node:
    """A device node.

    Attributes:
        path: Where it is.
        mode: Permission bits, or None where there is no such node.
        description: Mode and owner as `ls -l` shows them.
        group: The owning group's name.
        readable: Whether the mode lets this process read it.
        writable: Whether the mode lets this process write it.
    """

    path: str
    mode: int | None = None
    description: str = "absent"
    group: str = ""
    readable: bool = False
    writable: bool = False


def inspect_node(path: str, *, shown_as: str = "") -> Node:
    """Return the mode and owner of a node, from stat; `shown_as` is its path without the root of a test."""
    try:
        status = os.stat(path)
    except OSError:
        return Node(shown_as or path)
    return Node(
        shown_as or path,
        stat.S_IMODE(status.st_mode),
        permissions.describe_status(status),
        permissions.group_name(status.st_gid),
        readable=os.access(path, os.R_OK, effective_ids=True),
        writable=os.access(path, os.W_OK, effective_ids=True),
    )
