"""The questions of `regtap stats`, against numpy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import TraceOptions, write_changes, write_trace

import regtap_analysis
from regtap.errors import InputError
from regtap.registers.model import Field, Register, Value
from regtap.trace.reader import open_trace
from regtap_analysis.commands import stats as command
from regtap_analysis.queries.answer import OpenedEngine
from regtap_analysis.queries.engines import open_engine
from regtap_analysis.signals.model import signals_of
from regtap_analysis.statistics.questions import QUESTIONS, StatsOptions, ask_all
from regtap_analysis.statistics.survey import survey

MODE = Register("MODE", 0x30, "u8", (Field("STATE", 0, 2, "", (Value("IDLE", 0), Value("RUN", 1))),))
COUNT = Register("COUNT", 0x38, "u64")
RANDOM = np.random.default_rng(7)
TIMES = {name: np.cumsum(RANDOM.integers(1, 90, rows)) for name, rows in (("a", 1000), ("b", 300))}
MODES = {name: RANDOM.integers(0, 3, len(times) // 5).repeat(5) for name, times in TIMES.items()}
COUNTS = {name: 2**64 - 1 - np.arange(len(times), dtype=np.uint64) for name, times in TIMES.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a collection of two traces."""
    path = tmp_path_factory.mktemp("stats")
    for name, times in TIMES.items():
        values = {"MODE": MODES[name], "COUNT": COUNTS[name]}
        write_trace(path / name, [MODE, COUNT], times, values, TraceOptions(rows_per_part=400))
    return path


@pytest.fixture(scope="module")
def opened(folder: Path) -> Iterator[OpenedEngine]:
    """Return DuckDB on them."""
    opened = open_engine([folder])
    yield opened
    opened.engine.close()


def asked(opened: OpenedEngine, name: str, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of an answer by the name of the trace."""
    ((_, answer),) = ask_all(opened.engine, StatsOptions((name,), **options), opened.traces)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in answer.table().to_pylist():
        rows.setdefault(row["trace"].rpartition("/")[2], []).append(row)
    return rows


def spread(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return what numpy says of some values."""
    # numpy's own inverted_cdf takes 99.9 % of 1,000 for 999.0000000001
    ordered = np.sort(values)
    low, half, high, top = (ordered[-(-len(values) * share // 1000) - 1] for share in (10, 500, 990, 999))
    return {
        "count": len(values),
        "min": values.min(),
        "p1": low,
        "p50": half,
        "p99": high,
        "p999": top,
        "max": values.max(),
        "mean": pytest.approx(values.astype(float).mean()),
    }


def test_intervals_are_those_of_numpy(opened: OpenedEngine) -> None:
    rows = asked(opened, "intervals")

    steps = {name: np.diff(times) for name, times in TIMES.items()}
    for name, expected in {**steps, "(all)": np.concatenate(list(steps.values()))}.items():
        (row,) = rows[name]
        assert {key: row[key] for key in spread(expected)} == spread(expected)


def test_percentiles_of_values_are_those_of_numpy(opened: OpenedEngine) -> None:
    rows = asked(opened, "percentiles", registers=("COUNT",))

    for name, expected in {**COUNTS, "(all)": np.concatenate(list(COUNTS.values()))}.items():
        (row,) = rows[name]
        assert {key: row[key] for key in spread(expected)} == spread(expected)


STEPS = Register("STEPS", 0x40, "u16")


@dataclass(frozen=True)
class Steps:
    """A collection of a register that seldom changes: a trace of every row, and one of its changes only.

    Attributes:
        path: Its folder, with the traces `every` and `changes`.
        times: The time of each row that was taken.
        values: The value of each.
        stored: Which of them the trace of changes has.
    """

    path: Path
    times: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    stored: np.ndarray[Any, Any]

    @property
    def adjacent(self) -> np.ndarray[Any, Any]:
        """The intervals from a row to the next one taken, where both are stored."""
        both: np.ndarray[Any, Any] = self.stored[1:] & self.stored[:-1]
        return np.asarray(np.diff(self.times)[both])


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    path = tmp_path_factory.mktemp("steps")
    random = np.random.default_rng(8)
    lengths = random.integers(1, 40, 200)
    values = random.integers(0, 1000, len(lengths)).repeat(lengths)
    times = 1_000 * np.arange(len(values)) + random.integers(0, 300, len(values))
    write_trace(path / "every", [STEPS], times, {"STEPS": values})
    stored = write_changes(path / "changes", STEPS, times, values)
    return Steps(path, times, values, stored)


def by_time(times: np.ndarray[Any, Any], values: np.ndarray[Any, Any], thousandths: int) -> int:
    """Return the smallest value that held, with those below it, for so much of the time."""
    order = np.argsort(values[:-1], kind="stable")
    upto = np.cumsum(np.diff(times)[order])
    return int(values[:-1][order][np.searchsorted(upto * 1000, thousandths * upto[-1])])


def test_values_of_a_trace_of_changes_weigh_by_time(steps: Steps) -> None:
    opened = open_engine([steps.path])
    rows = asked(opened, "percentiles")
    opened.engine.close()

    (changes,), (every,) = rows["changes"], rows["every"]
    stored = steps.times[steps.stored], steps.values[steps.stored]
    shares = {"p1": 10, "p50": 500, "p99": 990, "p999": 999}
    assert {name: changes[name] for name in shares} == {
        name: by_time(*stored, share) for name, share in shares.items()
    }
    held = np.diff(stored[0])
    assert changes["mean"] == pytest.approx((stored[1][:-1] * held).sum() / held.sum())
    found = [int(changes[name]) for name in ("count", "min", "max")]
    assert found == [np.count_nonzero(steps.stored), steps.values.min(), steps.values.max()]
    assert {key: every[key] for key in spread(steps.values)} == spread(steps.values)
    assert changes["mean"] == pytest.approx(every["mean"], rel=0.01)  # what every row would have said
    (both,) = rows["(all)"]
    assert both["p50"] == by_time(*_together(steps), 500)


def _together(steps: Steps) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return times and values of both traces, one after the other; nothing lies between them."""
    first, second = steps.times, steps.times[steps.stored]
    times = np.concatenate([first, second - second[0] + first[-1]])
    return times, np.concatenate([steps.values, steps.values[steps.stored]])


def test_an_interval_of_unchanged_samples_is_none(steps: Steps) -> None:
    opened = open_engine([steps.path / "changes"])
    (row,) = asked(opened, "intervals")["changes"]
    opened.engine.close()

    assert {key: row[key] for key in spread(steps.adjacent)} == spread(steps.adjacent)
    trace = open_trace(steps.path / "changes")
    figures = survey(trace, signals_of(trace))
    assert figures.intervals.count == len(steps.adjacent)
    assert figures.intervals.most == steps.adjacent.max() == figures.longest[0].interval_ns
    assert figures.held == np.count_nonzero(steps.stored) - 1 - len(steps.adjacent)


def test_a_histogram_of_a_trace_of_changes_is_of_time(steps: Steps) -> None:
    trace = open_trace(steps.path / "changes")

    (figures,) = survey(trace, signals_of(trace)).signals.values()

    found = figures.histogram
    edges = found.low + found.width * np.arange(len(found.weights) + 1)
    times, values = steps.times[steps.stored], steps.values[steps.stored]
    expected, _ = np.histogram(values[:-1], edges, weights=np.diff(times))
    assert found.weights.tolist() == expected.astype(int).tolist()


def test_signals_have_changes_first_and_last(opened: OpenedEngine) -> None:
    rows = asked(opened, "signals")

    for name, modes in MODES.items():
        by_signal = {row["signal"]: row for row in rows[name]}
        mode, count = by_signal["MODE.STATE"], by_signal["COUNT"]
        assert mode["changes"] == np.count_nonzero(np.diff(modes))
        assert (mode["first"], mode["last"]) == (modes[0], modes[-1])
        assert (count["changes"], count["first"]) == (len(modes) - 1, 2**64 - 1)
    (total,) = (row for row in rows["(all)"] if row["signal"] == "MODE")
    assert total["changes"] == sum(np.count_nonzero(np.diff(modes)) for modes in MODES.values())


def runs_of(name: str) -> list[tuple[int, int, bool]]:
    """Return value, length and wholeness of each run of equal modes of a trace."""
    times, modes = TIMES[name], MODES[name]
    starts = [0, *(np.flatnonzero(np.diff(modes)) + 1)]
    ends = [*starts[1:], len(times) - 1]
    last = len(starts) - 1
    return [
        (int(modes[first]), int(times[end] - times[first]), 0 < index < last)
        for index, (first, end) in enumerate(zip(starts, ends, strict=True))
    ]


def test_states_sum_up_how_long_values_last(opened: OpenedEngine) -> None:
    rows = asked(opened, "states", registers=("MODE",))["a"]

    for row in (it for it in rows if it["signal"] == "MODE.STATE"):
        runs = [run for run in runs_of("a") if run[0] == row["value"]]
        whole = np.array([length for _, length, is_whole in runs if is_whole])
        assert (row["visits"], row["whole"]) == (len(runs), len(whole))
        assert row["total_ns"] == sum(length for _, length, _ in runs)
        assert (row["min_ns"], row["max_ns"]) == (whole.min(), whole.max())
        assert row["p50_ns"] == np.percentile(whole, 50, method="inverted_cdf")
        assert row["p99_ns"] == np.percentile(whole, 99, method="inverted_cdf")
        assert row["name"] == {0: "IDLE", 1: "RUN"}.get(row["value"])


def test_a_counter_is_no_state(opened: OpenedEngine) -> None:
    assert {row["signal"] for row in asked(opened, "states")["a"]} == {"MODE", "MODE.STATE"}


def test_transitions_are_counted(opened: OpenedEngine) -> None:
    rows = asked(opened, "transitions")["b"]

    modes = MODES["b"]
    found = {(row["before"], row["value"]): row["count"] for row in rows if row["signal"] == "MODE"}
    pairs = [(int(a), int(b)) for a, b in pairwise(modes) if a != b]
    assert found == {pair: pairs.count(pair) for pair in set(pairs)}


def test_the_command_prints_json_markdown_and_tables(folder: Path) -> None:
    def run(*options: str) -> str:
        arguments = [str(folder / "a"), "--question", "signals", *options]
        return CliRunner().invoke(command.stats, arguments, standalone_mode=False).stdout

    document = json.loads(run("--json"))
    assert [row["signal"] for row in document["signals"]] == ["COUNT", "MODE", "MODE.STATE"]
    assert document["signals"][0]["max"] == 2**64 - 1
    assert "| signal | changes |" in run("--markdown")
    heading, columns, *_ = run().splitlines()
    assert heading.startswith("SIGNALS: changes, first, last")
    assert columns.split()[0] == "signal"  # of one trace


def test_two_forms_at_once_are_refused(folder: Path) -> None:
    arguments = [str(folder / "a"), "--json", "--markdown"]

    with pytest.raises(InputError, match="two forms of the same; choose one"):
        command.stats(arguments, standalone_mode=False)


def test_markdown_of_a_hostile_name_is_text(tmp_path: Path) -> None:
    write_trace(tmp_path / "a|<b>", [MODE], [0], {"MODE": [1]})

    result = CliRunner().invoke(command.stats, [str(tmp_path), "--markdown"], standalone_mode=False)

    assert "a/&lt;b>" in result.stdout


def test_a_question_that_is_unknown_is_refused() -> None:
    assert set(command._NAMES) == set(QUESTIONS)
    with pytest.raises(InputError, match="there is no question 'what'"):
        StatsOptions(("what",))


def test_a_register_that_no_trace_has_is_refused(opened: OpenedEngine) -> None:
    with pytest.raises(
        InputError, match=r"no trace has a register or field 'MODE.STAT'; similar: MODE.STATE"
    ):
        asked(opened, "signals", registers=("MODE.STAT",))


def test_python_gets_an_arrow_table_for_each_question(folder: Path) -> None:
    tables = regtap_analysis.stats(folder, ["intervals", "signals"], registers=["MODE"])

    assert list(tables) == ["intervals", "signals"]
    assert tables["intervals"]["trace"].to_pylist() == [str(folder / "a"), str(folder / "b"), "(all)"]
    assert set(tables["signals"]["signal"].to_pylist()) == {"MODE", "MODE.STATE"}
    assert regtap_analysis.stats([folder / "a"], "intervals")["intervals"].num_rows == 1
