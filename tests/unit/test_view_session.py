"""The traces of a page, opened and closed."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.synthetic import STATUS, TraceOptions, counter_trace, write_trace

from regtap.errors import InputError
from regtap.registers.model import Register
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark, Mode
from regtap_analysis.view.columns import columns_of
from regtap_analysis.view.export import export
from regtap_analysis.view.session import Session

TIMES = range(0, 8000, 1000)
GAP = Gap(6, 1, 5000, 6000, "missed")


def unpacked(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the head of columns, and what follows it."""
    end = 4 + int.from_bytes(content[:4], "little")
    return json.loads(content[4:end]), content[end:]


def test_a_page_that_cannot_be_made_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr("regtap.follow.live._MEMORY", str(memory))

    with pytest.raises(InputError, match="nothing called 'NONE'"):
        Session([counter_trace(tmp_path / "run")], ["NONE"])

    assert list(memory.iterdir()) == []


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Return two traces with one register in common, and their mark at different times."""
    ones = write_trace(
        tmp_path / "one",
        [STATUS, Register("COUNT", 0x8)],
        TIMES,
        {"STATUS": TIMES, "COUNT": TIMES},
        TraceOptions(marks=(Mark(2000, "reset now"),)),
    )
    others = write_trace(
        tmp_path / "other",
        [STATUS, Register("ADC", 0x24)],
        TIMES,
        {"STATUS": TIMES, "ADC": TIMES},
        TraceOptions(marks=(Mark(5000, "reset now"), Mark(6000, "later")), gaps=(GAP,)),
    )
    return ones, others


@pytest.mark.parametrize("order", [1, -1])
def test_a_register_of_one_trace_only_is_shown(pair: tuple[Path, Path], order: int) -> None:
    with closing(Session(pair[::order], ["ADC", "STATUS.BUSY"])) as session:
        found = [(session.shown[lane.source].trace.path.name, lane.signal.name) for lane in session.lanes]

    assert sorted(found) == [("one", "STATUS.BUSY"), ("other", "ADC"), ("other", "STATUS.BUSY")]


def test_a_trace_without_the_chosen_register_has_no_lane(pair: tuple[Path, Path]) -> None:
    with closing(Session(pair, ["COUNT"])) as session:
        assert [(lane.source, lane.signal.name) for lane in session.lanes] == [(0, "COUNT")]


def test_a_register_of_no_trace_is_refused(pair: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="nothing called 'NONE'"):
        Session(pair, ["ADC", "NONE"])


@pytest.mark.parametrize("count", [1, 2])
def test_the_time_of_every_trace_counts_from_its_mark(pair: tuple[Path, Path], count: int) -> None:
    with closing(Session(pair[:count], align="reset")) as session:
        described = session.describe()

    assert described["zero"] == "reset now"
    assert [mark["t"] for mark in described["marks"] if mark["text"] == "reset now"] == ["0"] * count
    assert int(described["first"]) == (-2000, -5000)[count - 1]


def test_marks_that_differ_are_named_as_they_were_asked_for(tmp_path: Path) -> None:
    paths = [
        counter_trace(tmp_path / text, marks=(Mark(1000, f"reset {text}"),)) for text in ("one", "other")
    ]

    with closing(Session(paths, align="reset")) as session:
        assert session.describe()["zero"] == "reset"


def test_without_a_mark_time_counts_from_the_start(pair: tuple[Path, Path]) -> None:
    with closing(Session(pair)) as session:
        assert session.describe()["zero"] == ""


def test_gaps_of_all_traces_are_listed_in_the_order_of_time(tmp_path: Path) -> None:
    paths = [
        counter_trace(tmp_path / str(at), gaps=(Gap(1, 1, at, at + 5, "full"),), marks=(Mark(mark, "reset"),))
        for at, mark in ((1000, 500), (2000, 9000))
    ]

    with closing(Session(paths, align="reset")) as session:
        listed = [(gap["source"], gap["first"]) for gap in session.gap_list()["gaps"]]

    assert listed == [(1, "-7000"), (0, "500")]


def test_samples_tell_where_a_gap_breaks_their_line(tmp_path: Path) -> None:
    held = Gap(1, 5, 0, 1000, "unchanged")
    joined = Gap(6, 3, 1000, 3000, "missed", rows=3)
    options = TraceOptions(gaps=(held, joined, GAP), mode=Mode("1000000", "wait", on_change=("*",)))
    path = write_trace(tmp_path / "run", [STATUS], TIMES, {"STATUS": TIMES}, options)

    with closing(Session([path])) as session:
        head, data = unpacked(columns_of(session, session.lanes, session.view, 10, None))

    at, kind, count = head["lanes"][0]["arrays"]["broken"]
    broken = np.frombuffer(data, kind, count, at)
    assert broken.tolist() == [0, 0, 0, 0, 0, 1, 0, 0]
    at, kind, count = head["gaps"][0]["breaks"]
    assert np.flatnonzero(np.frombuffer(data, kind, count, at)).tolist() == [7, 8]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ((5, 7), "^every sample$"),
        ((400_000, 5), "^every sample where a trace has few, or else smallest and largest"),
        ((400_000,), "^smallest and largest"),
    ],
)
def test_an_exported_file_says_what_holds_in_it(tmp_path: Path, rows: tuple[int, ...], says: str) -> None:
    paths = [counter_trace(tmp_path / str(number), count) for number, count in enumerate(rows)]

    with closing(Session(paths)) as session:
        assert re.search(says, export(session, None, None).note)
