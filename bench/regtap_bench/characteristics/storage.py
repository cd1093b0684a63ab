"""A trial on disk: all timed blocks, in a file of its own, written atomically."""

from __future__ import annotations

import fcntl
import io
import json
import os
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.errors import InputError, RefusedError
from regtap.system.files import replace_file
from regtap_bench.measuring.blocks import Blocks, Process
from regtap_bench.measuring.job import Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COLUMNS = tuple(field.name for field in fields(Process) if field.name != "ns_per_tick")


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """The data of one trial.

    Attributes:
        blocks: Every timed block.
        facts: Further facts about the trial; JSON.
    """

    blocks: Blocks
    facts: Mapping[str, Any]


def save(record: TrialRecord, path: str) -> None:
    """Write a record; a file of this name is always whole.

    Raises:
        OSError: As the kernel said.
    """
    arrays: dict[str, Any] = {
        f"{name}_{number}": getattr(process, name)
        for number, process in enumerate(record.blocks.processes)
        for name in _COLUMNS
    }
    header = {
        "series": [asdict(series) for series in record.blocks.series],
        "ns_per_tick": [process.ns_per_tick for process in record.blocks.processes],
        "facts": record.facts,
    }
    os.makedirs(os.path.dirname(path), exist_ok=True)
    content = io.BytesIO()
    np.savez_compressed(content, header=np.array(json.dumps(header)), **arrays)
    replace_file(path, content.getvalue())


@contextmanager
def alone_in(folder: str) -> Iterator[None]:
    """Lock a folder against other runs: two at once would disturb each other's figures.

    Raises:
        RefusedError: Another run is in it.
    """
    with ExitStack() as stack:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                f"another run measures into {folder}", remedy="wait until it has ended"
            ) from error
        yield


def load(path: str) -> TrialRecord:
    """Return a record from a file of save().

    Raises:
        InputError: There is none, or it is damaged.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            processes = tuple(
                Process(**{name: file[f"{name}_{number}"] for name in _COLUMNS}, ns_per_tick=ns_per_tick)
                for number, ns_per_tick in enumerate(header["ns_per_tick"])
            )
            series = tuple(
                Series(item["arm"], item["measure"], tuple(item["counts"])) for item in header["series"]
            )
            return TrialRecord(Blocks(series, processes), header["facts"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no record of a trial ({error}); remove it and measure again") from error
