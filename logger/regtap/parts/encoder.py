"""The interface of the encoders of parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.clock.anchored import AnchoredClock
    from regtap.spool.block import Block
    from regtap.trace.metadata import PartMetadata


class PartEncoder(Protocol):
    """Encodes one part into an open, empty file; used by one thread at a time.

    The columns are the time in ns, each register in its own unsigned type, and the latency if it is recorded; all of
    them are required columns, and DELTA_BINARY_PACKED. After an error the file must be thrown away.
    """

    @property
    def bytes_written(self) -> int:
        """Bytes in the file so far."""

    def write(self, blocks: Sequence[Block], clock: AnchoredClock) -> None:
        """Write blocks as one row group; at least one of them has rows.

        Raises:
            OSError: As the kernel said.
        """

    def finish(self, document: bytes) -> None:
        """Write the rest of the Parquet file: page index and footer.

        Args:
            document: The part's metadata, which the footer holds under the key `regtap`.

        Raises:
            OSError: As the kernel said.
        """

    def abandon(self) -> None:
        """Write nothing more; the file is about to be closed."""


class OpenEncoder(Protocol):
    """Opens the encoder of one part."""

    def __call__(self, fd: int, template: PartMetadata, /) -> PartEncoder:
        """Return an encoder for an open, empty file.

        Args:
            fd: The file's descriptor; stays the caller's.
            template: Metadata that all parts share: the registers, and whether latencies are recorded.
        """
