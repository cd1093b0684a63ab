"""What several tests ask of an outcome."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tests.vm.guest import Outcome

import regtap


def values(outcome: Outcome) -> dict[str, int]:
    """Return what `regtap read --json` said, by name, after it went well."""
    assert outcome.status == 0, outcome
    return {register["name"]: register["value"] for register in json.loads(outcome.stdout)}


def both(outcome: Outcome) -> dict[str, tuple[int, int | str]]:
    """Return what share/both.py said: by name, the mapped value, and that of pread or its errno and refusal."""
    assert outcome.status == 0, outcome
    rows = [line.split(maxsplit=2) for line in outcome.stdout.splitlines()]
    return {name: (int(value), int(other) if other.isdigit() else other) for name, value, other in rows}


def column(trace: Path, name: str) -> npt.NDArray[np.int64]:
    """Return a column of a trace."""
    array: npt.NDArray[np.int64] = regtap.open_trace(trace).to_arrow(columns=[name])[name].to_numpy()
    return array


def assert_refused(outcome: Outcome, *words: str, status: int = 3) -> None:
    """One line on stderr, which names cause and remedy; nothing on stdout."""
    assert outcome.status == status, outcome
    assert outcome.stdout == ""
    (line,) = [line for line in outcome.stderr.splitlines() if not line.startswith("regtap: note: ")]
    assert line.startswith("regtap: error: "), line
    for word in words:
        assert word in line, f"{word!r} is not in: {line}"
