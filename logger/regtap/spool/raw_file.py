"""The bytes of a spool's file: opened with care, and locked."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat

from regtap.errors import TraceError
from regtap.system.closeable import Closeable
from regtap.system.files import is_own


class RawSpoolFile(Closeable):
    """The open file of a spool; a context manager. It is not mapped: a file that shrinks must not end in a SIGBUS.

    Attributes:
        path: Path of the file.
        status: The file's fstat() when it was opened.
        size_bytes: Size of the file when it was opened.
    """

    def __init__(self, path: str) -> None:
        """Open a regular file, never through a link.

        Raises:
            TraceError: It is not a regular file.
            OSError: As the kernel said.
        """
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        self.status = os.fstat(self._fd)
        self.size_bytes = self.status.st_size
        if not stat.S_ISREG(self.status.st_mode):
            self.close()
            raise TraceError(f"{path} is no spool: it is not a regular file")

    def close(self) -> None:
        """Close the file; that gives up the lock."""
        os.close(self._fd)

    @property
    def is_own(self) -> bool:
        """Whether the file belongs to the effective user of this process."""
        return is_own(self.status)

    @property
    def is_private(self) -> bool:
        """Whether other users have no access to the file."""
        return not self.status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)

    def is_there(self) -> bool:
        """Return whether the path still leads to this file."""
        with contextlib.suppress(OSError):
            return os.path.samestat(self.status, os.lstat(self.path))
        return False

    def try_lock(self) -> bool:
        """Take the lock that a recorder holds while it lives; return False if another process has it."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:  # a copy on a file system where nothing can be locked
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
                raise
        return True

    def unlock(self) -> None:
        """Give the lock up again."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def read(self, offset: int, size: int) -> bytes | None:
        """Return `size` bytes at an offset; None if the file ends before them."""
        if size > self.size_bytes - offset:
            return None
        data = os.pread(self._fd, size, offset)
        while len(data) < size:  # a single call gives 2 GiB at most
            more = os.pread(self._fd, size - len(data), offset + len(data))
            if not more:
                return None
            data += more
        return data
