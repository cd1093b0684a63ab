"""The file of a part: its name appears when it is complete and durable."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from typing import TYPE_CHECKING

from regtap.trace.files import half_written_name, part_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.clock.anchored import AnchoredClock
    from regtap.parts.encoder import OpenEncoder
    from regtap.spool.block import Block
    from regtap.trace.metadata import PartMetadata


class PartFile:
    """The file of one part, written under a temporary name that readers ignore, and renamed when it is durable.

    Attributes:
        number: Number of the part in the trace.
        rows: Rows written so far.
    """

    def __init__(
        self, folder_fd: int, number: int, template: PartMetadata, open_encoder: OpenEncoder
    ) -> None:
        """Create the part's file in an open folder, never through a link and never over another file.

        Raises:
            OSError: As the kernel said; no file is left.
        """
        self.number = number
        self.rows = 0
        self._folder_fd = folder_fd
        self._temporary = half_written_name(number)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = io.FileIO(os.open(self._temporary, flags, 0o666, dir_fd=folder_fd), "wb")
        try:
            self._encoder = open_encoder(self._file.fileno(), template)
        except BaseException:
            self._remove()
            raise

    @property
    def name(self) -> str:
        """The part's name in its folder."""
        return part_name(self.number)

    @property
    def bytes_written(self) -> int:
        """Encoded bytes in the file so far."""
        return self._encoder.bytes_written

    def write(self, blocks: Sequence[Block], clock: AnchoredClock) -> None:
        """Write blocks as one row group, at least one of them with rows; raises OSError as the kernel said."""
        self._encoder.write(blocks, clock)
        self.rows += sum(block.rows for block in blocks)

    def finish(self, metadata: PartMetadata) -> int:
        """Complete the part, make it durable and give it its name; return its size in bytes.

        Raises:
            OSError: As the kernel said; nothing half-written is left.
        """
        try:
            return self._finish(metadata)
        except BaseException:
            self.abandon()
            raise

    def _finish(self, metadata: PartMetadata) -> int:
        self._encoder.finish(metadata.to_json())
        size_bytes = self._encoder.bytes_written
        os.fsync(self._file.fileno())
        self._file.close()
        self._require_free_name()
        os.rename(self._temporary, self.name, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)
        os.fsync(self._folder_fd)
        return size_bytes

    def _require_free_name(self) -> None:
        """Raise FileExistsError if another program has made a file of that name: a rename would replace the file."""
        with contextlib.suppress(FileNotFoundError):
            os.stat(self.name, dir_fd=self._folder_fd, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.name)

    def abandon(self) -> None:
        """Remove the unfinished file, if the disk allows it; the samples are still in the spool."""
        self._encoder.abandon()
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):  # a recovery removes the file
            os.unlink(self._temporary, dir_fd=self._folder_fd)
