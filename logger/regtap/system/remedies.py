"""Remedies for refusals of the kernel, by error number."""

from __future__ import annotations

import errno

_REMEDIES = {
    errno.EMFILE: "raise this process's limit on open files (`ulimit -n`)",
    errno.ENFILE: "raise the system's limit on open files (sysctl fs.file-max)",
    errno.EFBIG: "raise the limit on the size of a file (`ulimit -f`)",
    errno.EDQUOT: "free some of this user's quota",
    errno.EROFS: "remount the file system for writing, or choose another folder",
    errno.ENOMEM: "free memory, or raise `ulimit -v`",
    errno.EAGAIN: "raise the limit on processes (`ulimit -u`, or the container's pids.max)",
}


def remedy_for(error: OSError, otherwise: str) -> str:
    """Return the remedy for an error, as advice to the user.

    Args:
        error: The refusal.
        otherwise: The remedy for a cause that is not the same everywhere.
    """
    return _REMEDIES.get(error.errno or 0, otherwise)
