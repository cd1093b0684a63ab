"""The spools on this machine: whose they are, and what they hold."""

from __future__ import annotations

import os
from dataclasses import dataclass

from regtap.errors import TraceError
from regtap.spool.block import DamagedBlockError
from regtap.spool.document import parse_document
from regtap.spool.location import spool_paths
from regtap.spool.reader import SpoolFile


@dataclass(frozen=True, slots=True)
class Leftover:
    """A spool in shared memory.

    Attributes:
        spool: Its path.
        memory_bytes: What it holds of memory.
        state: `recording`: its recorder is alive; `cut off`: it waits for `regtap recover`; `empty`: nothing was
            recorded into it; `unknown`: it cannot be read by this user.
        samples: Samples in it that are in no finished part, as far as the spool knows.
        trace: The folder of its trace.
    """

    spool: str
    memory_bytes: int
    state: str
    samples: int | None = None
    trace: str | None = None


def find_spools() -> list[Leftover]:
    """Return every spool in shared memory, in the order of their names."""
    return [leftover for leftover in map(_look_at, spool_paths()) if leftover is not None]


def _look_at(path: str) -> Leftover | None:
    try:
        memory_bytes = os.lstat(path).st_blocks * 512
    except OSError:
        return None  # gone meanwhile
    try:
        with SpoolFile(path) as spool:
            if spool.is_owned():
                return Leftover(
                    path, memory_bytes, "recording", trace=parse_document(spool.document, path)[1]
                )
            return Leftover(
                path, memory_bytes, "cut off", _samples(spool), parse_document(spool.document, path)[1]
            )
    except TraceError:
        return _unformatted(path, memory_bytes)
    except OSError:
        return Leftover(path, memory_bytes, "unknown")


def _samples(spool: SpoolFile) -> int:
    count = 0
    for sequence in range(spool.released, spool.opened):
        try:
            count += spool.head(sequence).rows
        except DamagedBlockError:
            continue
    return count


def _unformatted(path: str, memory_bytes: int) -> Leftover | None:
    """A recorder that was killed while it made its spool leaves zeros; other files are none of ours."""
    try:
        with open(path, "rb") as file:
            return Leftover(path, memory_bytes, "empty") if not file.read(8).strip(b"\0") else None
    except OSError:
        return None  # gone meanwhile: it was being made, or just unmade
