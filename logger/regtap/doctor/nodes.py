"""Looking at a device node without opening it."""

from __future__ import annotations

import os
import stat

from regtap import system
from regtap.doctor.facts import Node


def look_at(path: str, *, shown_as: str = "") -> Node:
    """Return what the file system says about a node; `shown_as` names it where the path has another root."""
    try:
        status = os.stat(path)
    except OSError:
        return Node(shown_as or path)
    return Node(
        shown_as or path,
        stat.S_IMODE(status.st_mode),
        system.describe_status(status),
        system.group_name(status.st_gid),
        readable=os.access(path, os.R_OK, effective_ids=True),
        writable=os.access(path, os.W_OK, effective_ids=True),
    )
