"""The ten questions of analysis/README.md on DuckDB, against what the collection was made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.lab import Lab, make_lab
from tests.questions import QUESTIONS, README
from tests.synthetic import START

from regtap.trace.reader import Trace, open_trace
from regtap_analysis.queries.answer import Engine, Question
from regtap_analysis.queries.engines import open_engine

LAB = Lab()


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return every trace's columns as numpy has them, by name; in `unseen` are the times of rows right after a gap."""
    folder = make_lab(tmp_path_factory.mktemp("lab"), LAB)
    traces = sorted(path.parent for path in folder.glob("*/*/part-00000.parquet"))
    return {str(path): columns_of(open_trace(path)) for path in traces}


def columns_of(trace: Trace) -> dict[str, Any]:
    table = trace.to_arrow()
    columns = {name: table[name].to_numpy() for name in table.column_names}
    return {**columns, "unseen": {gap.t1_ns for gap in trace.gaps}}


@pytest.fixture(scope="module")
def engine(columns: dict[str, dict[str, Any]]) -> Iterator[Engine]:
    """Return DuckDB on the collection."""
    opened = open_engine(list(columns))
    yield opened.engine
    opened.engine.close()


def test_the_examples_in_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_lab(tmp_path / "runs", LAB)
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(
        r"```python\n(import regtap_analysis\n\ncounted.*?)```", README.read_text(), re.DOTALL
    )
    names: dict[str, Any] = {}

    exec(example, names)

    assert names["counted"].num_rows == LAB.traces
    assert names["above"].num_rows > 0
    assert names["busy"]["signal"][0].as_py() == "STATUS"
    assert names["lossy"].num_rows == 0  # all of them are older


def ask(engine: Engine, number: int) -> list[dict[str, Any]]:
    """Return the answer to a question by its number."""
    rows: list[dict[str, Any]] = engine.ask(Question(QUESTIONS[str(number)])).table().to_pylist()
    return rows


def runs(columns: dict[str, Any], values: Any) -> list[tuple[int, int, int]]:
    """Return value, start and end of each run of equal values of which both ends were seen."""
    times = columns["t_ns"]
    edges = np.flatnonzero(np.diff(values)) + 1
    whole = [(int(values[a]), int(times[a]), int(times[b])) for a, b in pairwise(edges)]
    return [run for run in whole if columns["unseen"].isdisjoint(run[1:])]


def rises(times: Any, bits: Any) -> list[int]:
    """Return the times at which a bit became set."""
    return [int(times[row]) for row in np.flatnonzero(np.diff(bits.astype(int)) == 1) + 1]


def test_there_are_ten_of_them() -> None:
    assert sorted(map(int, QUESTIONS)) == list(range(1, 11))


def test_how_long_the_device_is_busy(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    lengths = [b - a for it in columns.values() for value, a, b in runs(it, it["STATUS"] & 1) if value]

    assert ask(engine, 1)[1] == {
        "value": 1,
        "name": "RUNNING",
        "times": len(lengths),
        "shortest_ns": min(lengths),
        "longest_ns": max(lengths),
    }


def test_glitches_are_found(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    expected = [
        (name, a, b - a)
        for name, it in columns.items()
        for value, a, b in runs(it, it["STATUS"] >> 2 & 1)
        if value and b - a < 25_000
    ]

    assert expected
    assert [tuple(row.values()) for row in ask(engine, 2)] == expected


def test_errors_after_done_are_found_by_board(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    found: dict[str, list[tuple[str, int]]] = {}
    for name, it in columns.items():
        done, failed = (rises(it["t_ns"], it["STATUS"] >> bit & 1) for bit in (1, 2))
        steps = [f - d for d in done for f in failed if 0 < f - d <= 1_000_000]
        found.setdefault(name.split("/")[-2], []).extend((name, step) for step in steps)
    expected = [
        (host, len({name for name, _ in pairs}), min(step for _, step in pairs))
        for host, pairs in sorted(found.items())
        if pairs
    ]

    assert expected
    assert [tuple(row.values()) for row in ask(engine, 3)] == expected


def test_a_counter_is_counted_across_its_wrap(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    rows = ask(engine, 4)

    assert [row["counted"] for row in rows] == [7 * (LAB.rows - 1)] * LAB.traces
    for row, it in zip(rows, columns.values(), strict=True):
        span_ns = int(it["t_ns"][-1] - it["t_ns"][0])
        assert row["per_second"] == pytest.approx(7e9 * (LAB.rows - 1) / span_ns)


def test_jitter_is_the_spread_of_intervals(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    expected = [
        (name, int(np.ptp(steps)), np.percentile(steps, 99, method="inverted_cdf"))
        for name, it in columns.items()
        for steps in (np.diff(it["t_ns"]),)
    ]

    assert [tuple(row.values()) for row in ask(engine, 5)] == expected


def test_the_first_failure_is_found(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    first_ns, name = min(
        (t_ns, name) for name, it in columns.items() for t_ns in rises(it["t_ns"], it["STATUS"] >> 2 & 1)
    )

    (row,) = ask(engine, 6)
    microseconds = (START.realtime_ns + first_ns) // 1000
    assert (row["trace"], int(np.datetime64(row["moment"], "us").astype(np.int64))) == (name, microseconds)


def test_firmware_versions_are_compared(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    lengths: dict[int, list[int]] = {}
    for it in columns.values():
        busy = [b - a for value, a, b in runs(it, it["STATUS"] & 1) if value]
        lengths.setdefault(int(it["VERSION"][0]), []).extend(busy)

    rows = ask(engine, 7)
    assert [(row["version"], row["runs"]) for row in rows] == [(version, 3) for version in sorted(lengths)]
    assert [row["mean_busy_ns"] for row in rows] == [
        pytest.approx(np.mean(lengths[version])) for version in sorted(lengths)
    ]


def test_holes_are_listed(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    gapped = [name for name in columns if name.endswith(("run0000", "run0005"))]

    assert [(row["trace"], row["cause"], row["absent"]) for row in ask(engine, 8)] == [
        (name, "missed", 3 + int(name[-4:])) for name in gapped
    ]


def test_jobs_after_the_mark_are_counted(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    expected = []
    for name, it in columns.items():
        mark_ns = it["t_ns"][LAB.rows // 3]
        expected.append((name, sum(t_ns >= mark_ns for t_ns in rises(it["t_ns"], it["STATUS"] >> 1 & 1))))

    assert [tuple(row.values()) for row in ask(engine, 9)] == expected


def test_the_level_is_told_by_state(engine: Engine, columns: dict[str, dict[str, Any]]) -> None:
    status = np.concatenate([it["STATUS"] for it in columns.values()])
    expected = [
        (name, int((status[chosen] >> 8 & 255).max()), int(chosen.sum()))
        for name, chosen in (("IDLE", status & 1 == 0), ("RUNNING", status & 1 == 1))
    ]

    assert [tuple(row.values()) for row in ask(engine, 10)] == expected
