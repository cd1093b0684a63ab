"""What must hold of a trace whose recorder was killed, once it is recovered."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.conservation import assert_conserved
from tests.torture.oracle import Oracle, look_at

import regtap
from regtap.recovery.complete import finished_parts, recover
from regtap.simulator.process import check_of


@dataclass(frozen=True)
class Scene:
    """What a killed recorder left."""

    folder: Path
    spool: Path
    oracle: Oracle
    parts: dict[str, str]  # names and hashes of those that count
    end: int  # index after the last sample in finished parts
    rows: int  # in them


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every finished part."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.parquet"))
    }


def scene_of(folder: Path) -> Scene | None:
    """Look at what is left, before anything is done; None where no capture had begun."""
    try:
        pointer = json.loads((folder / "_spool").read_text())
    except (OSError, ValueError):
        return None
    spool = Path(pointer["spool"])
    if not spool.exists():
        return None
    parts = finished_parts(folder)
    end = stored_blocks = 0
    if parts:
        last = parts[-1]
        stored_blocks = last.metadata.next_block or 0
        end = last.metadata.first_index + last.rows + sum(gap.count for gap in last.metadata.gaps)
    oracle = look_at(spool.read_bytes(), stored_blocks)
    counting = {
        name: hash_ for name, hash_ in hashes(folder).items() if name in {it.path.name for it in parts}
    }
    return Scene(folder, spool, oracle, counting, end, sum(part.rows for part in parts))


def recover_and_check(scene: Scene) -> None:
    """Recover, and compare with what the spool held."""
    result = recover(scene.folder)
    assert not result.dropped, result.dropped
    check(scene)
    again = recover(scene.folder)
    assert (again.rows, again.parts) == (0, 0)


def check(scene: Scene) -> None:
    """Assert that the recovered trace holds every sample, once, and left the finished parts alone."""
    trace = regtap.open_trace(scene.folder)
    assert not trace.unfinished
    assert not scene.spool.exists()
    assert sorted(os.listdir(scene.folder)) == [path.path.name for path in trace.parts]
    assert scene.parts.items() <= hashes(scene.folder).items(), "a finished part was touched"
    assert_conserved(trace)
    totals = trace.totals
    assert totals is not None
    due = totals.taken if totals.due is None else totals.due
    assert due == max(scene.oracle.end, scene.end), (due, scene.oracle, scene.end)
    assert totals.stored == scene.rows + scene.oracle.live_rows
    assert totals.lost - totals.overwritten == scene.oracle.dropped or trace.mode.overwrites
    table = trace.to_arrow()
    times = table["t_ns"].to_numpy()
    assert np.all(np.diff(times) >= 0)
    for name in table.column_names:
        check_values(name, table[name].to_numpy())


def check_values(name: str, values: np.ndarray) -> None:
    """The simulated device's values prove themselves; the others are all zeros or all ones."""
    if name == "CHECKED":
        distinct = np.unique(values)
        assert all(check_of(int(value) & 0xFFFFFFFF) == int(value) >> 32 for value in distinct)
    elif name in ("COUNT32", "COUNT64"):
        assert np.all(values[1:] >= values[:-1])
    elif name.startswith("zero"):
        assert not np.any(values)
    elif name.startswith("one"):
        assert np.all(values == np.iinfo(values.dtype).max)
