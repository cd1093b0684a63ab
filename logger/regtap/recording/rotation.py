"""Rotation: a long capture keeps only its last parts, or so many bytes of them.

The metadata of the next part gives a part up (PartMetadata.rotated); the file of the old part is removed once the next
part is durable. So the last finished part tells at any moment which parts count, and the balance holds wherever a kill
or a power loss comes: without the next part the old part counts, and with it only a file is left to remove.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.trace.files import part_name
from regtap.trace.rotation import Absent, Rotated
from regtap.units.format import count_of, format_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtap.trace.metadata import PartMetadata

LEAST_BYTES = 1 << 20
# A part is closed at this share of what is kept, and no row group is larger than it: a part that is given up is at most
# twice that, so that four fifths of what is asked for stay, at LEAST_BYTES with the estimate of a footer too.
_SHARE = 20
# Beside its pages a part has their index and a footer: 2 % of its pages where they are small, and what is constant.
_INDEX_SHARE, _FOOTER_BYTES, _GAP_BYTES = 50, 64 << 10, 100


@dataclass(frozen=True, slots=True)
class Limits:
    """The amount of a capture that is kept; the newest part with rows is always kept.

    Attributes:
        parts: The number of its last parts; None: any.
        size_bytes: The size of its last parts together; None: any.
    """

    parts: int | None = None
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.size_bytes is not None and self.size_bytes < LEAST_BYTES:
            raise InputError(
                f"in {count_of(self.size_bytes, 'byte')} there is no room for a part of a trace; keep "
                f"{format_size(LEAST_BYTES)} at least"
            )

    @property
    def part_bytes(self) -> int | None:
        """The size at which a part is to be closed; None: the size of any other capture."""
        return None if self.size_bytes is None else self.size_bytes // _SHARE

    def exceeded(self, parts: int, size_bytes: int) -> bool:
        """Return whether so many parts of that size are more than is to be kept."""
        too_many = self.parts is not None and parts > self.parts
        return too_many or (self.size_bytes is not None and size_bytes > self.size_bytes)


@dataclass(frozen=True, slots=True)
class _Finished:
    number: int
    rows: int
    size_bytes: int
    metadata: PartMetadata
    last_ns: int


class Rotation:
    """Decides which parts a capture gives up, and removes their files.

    Threads: plan() by the writer, the other methods by whoever finishes parts; never two at once.

    Args:
        folder_fd: The trace's folder, open; stays the caller's.
        limits: The amount that is kept.

    Attributes:
        stated: Account of the given-up parts in the last durable part; None: no part was given up.
        planned: The same account in the part that is being finished.
        removed_parts: Number of parts that were given up so far.
        removed_bytes: Size of these parts.
    """

    def __init__(self, folder_fd: int, limits: Limits) -> None:
        self.stated: Rotated | None = None
        self.planned: Rotated | None = None
        self.removed_parts = 0
        self.removed_bytes = 0
        self._folder_fd = folder_fd
        self._limits = limits
        self._kept: deque[_Finished] = deque()
        self._to_remove: list[int] = []
        self._refused: OSError | None = None

    @property
    def part_bytes(self) -> int | None:
        """The size at which a part is to be closed; None: the size of any other capture."""
        return self._limits.part_bytes

    def plan(self, rows: int, pages_bytes: int, gaps: int) -> Rotated | None:
        """Return the account of given-up parts for the metadata of the part that is about to be finished.

        The last part of a capture may have no rows: such a part does not displace the newest rows.

        Args:
            rows: Rows of the part.
            pages_bytes: Size of the part so far; the footer comes on top.
            gaps: Number of gaps that the footer lists.
        """
        size_bytes = pages_bytes + pages_bytes // _INDEX_SHARE + _FOOTER_BYTES + gaps * _GAP_BYTES
        size_bytes += sum(part.size_bytes for part in self._kept)
        given_up: list[_Finished] = []
        newest = None if rows else next((part for part in reversed(self._kept) if part.rows), None)
        for part in self._kept:
            if part is newest or not self._limits.exceeded(len(self._kept) - len(given_up) + 1, size_bytes):
                break
            given_up.append(part)
            size_bytes -= part.size_bytes
        self.planned = _added(self.stated, given_up)
        return self.planned

    def finished(self, metadata: PartMetadata, rows: int, size_bytes: int, last_ns: int) -> None:
        """Take note of a durable part, and remove the files of the parts that it gives up.

        Args:
            metadata: Metadata of the part.
            rows: Rows of the part.
            size_bytes: Size of the part.
            last_ns: Time of the last row so far.
        """
        self.stated = metadata.rotated
        first = 0 if self.stated is None else self.stated.parts
        while self._kept and self._kept[0].number < first:
            given_up = self._kept.popleft()
            self._to_remove.append(given_up.number)
            self.removed_parts += 1
            self.removed_bytes += given_up.size_bytes
        self._kept.append(_Finished(metadata.part, rows, size_bytes, metadata, last_ns))
        self._to_remove = [number for number in self._to_remove if not self._remove(number)]

    def notes(self) -> list[str]:
        """Return a line for the user about files that could not be removed; empty without such files."""
        if not self._to_remove or self._refused is None:
            return []
        return [
            f"{count_of(len(self._to_remove), 'part')} that this capture has given up could not be removed "
            f"({os.strerror(self._refused.errno or 0)}): they count no more, remove them by hand "
            f"({part_name(self._to_remove[0])} and after)"
        ]

    def _remove(self, number: int) -> bool:
        """Remove a part's file; return False where the system refuses: the next part tries again."""
        try:
            os.unlink(part_name(number), dir_fd=self._folder_fd)
        except FileNotFoundError:
            return True
        except OSError as error:
            self._refused = error
            return False
        return True


def _added(before: Rotated | None, given_up: Iterable[_Finished]) -> Rotated | None:
    """Return an account with more parts added."""
    stated = before
    for part in given_up:
        gaps = part.metadata.gaps
        counts = Counter({it.cause: it.count for it in stated.absent} if stated else {})
        for gap in gaps:
            counts[gap.cause] += gap.count
        paused_ns = sum(gap.t1_ns - gap.t0_ns for gap in gaps if gap.cause == "throttled")
        stated = Rotated(
            parts=part.number + 1,
            rows=part.rows + (stated.rows if stated else 0),
            t1_ns=max(part.last_ns, *(gap.t1_ns for gap in gaps), stated.t1_ns if stated else 0),
            absent=tuple(Absent(cause, count) for cause, count in sorted(counts.items()) if count),
            throttled_ns=paused_ns + (stated.throttled_ns if stated else 0),
        )
    return stated
