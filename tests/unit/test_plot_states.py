"""States of a field: where they begin and end, and their names in the picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from tests.synthetic import TraceOptions, write_trace

from regtap.registers.model import Field, Register, Value
from regtap.trace.gaps import Gap
from regtap.trace.reader import open_trace
from regtap_analysis.plot.picture import PictureOptions, make_picture
from regtap_analysis.plot.states import colour_number, colour_of
from regtap_analysis.signals.envelope import Envelope
from regtap_analysis.signals.model import Samples
from regtap_analysis.signals.states import State, states_of

MODE = Field("MODE", 0, 2, values=(Value("SLOW", 0), Value("FAST", 2), Value("<b>$x$", 3)))
REGISTER = Register("CR", 0, fields=(MODE, Field("PLAIN", 4, 1)))


def samples(times: list[int], values: list[int]) -> Samples:
    return Samples(np.array(times, np.int64), np.array(values, np.uint32))


def test_a_state_lasts_until_the_next_one_begins() -> None:
    found = states_of(samples([0, 10, 20, 30, 40], [1, 1, 2, 2, 1]), [])

    assert found == [State(0, 20, 1), State(20, 40, 2), State(40, 40, 1)]


def test_a_gap_ends_a_state() -> None:
    gap = Gap(2, 1, 10, 30, "full")

    found = states_of(samples([0, 10, 30, 40], [1, 1, 1, 1]), [gap])

    assert found == [State(0, 10, 1), State(30, 40, 1)]


def test_a_bucket_of_several_numbers_is_no_state() -> None:
    low, high = np.array([1, 1, 1, 2], np.uint32), np.array([1, 1, 3, 2], np.uint32)
    edges, count = np.array([0, 10, 20, 30, 40], np.int64), np.array([5, 5, 5, 5], np.int64)

    found = states_of(Envelope(edges, count, low, high, low, high, np.full(4, False)), [])

    assert found == [State(0, 20, 1), State(20, 30, None), State(30, 40, 2)]


def test_a_state_is_held_over_empty_buckets() -> None:
    value = np.array([1, 0, 1], np.uint32)
    edges, count = np.array([0, 10, 20, 30], np.int64), np.array([5, 0, 5], np.int64)

    assert states_of(Envelope(edges, count, value, value, value, value, np.full(3, False)), []) == [
        State(0, 30, 1)
    ]


def test_no_samples_are_no_states() -> None:
    assert states_of(samples([], []), []) == []


def test_the_picture_has_the_names_of_states_as_text(tmp_path: Path) -> None:
    values = {"CR": np.repeat(np.array([0, 2, 3, 1], np.uint32), 10)}
    path = write_trace(tmp_path / "run", [REGISTER], list(range(0, 40_000, 1000)), values, TraceOptions())

    content = make_picture(open_trace(path), PictureOptions(format="svg")).content.decode()

    assert [content.count(text) for text in (">SLOW<", ">FAST<", ">&lt;b&gt;$x$<", ">0x1<")] == [1, 1, 1, 1]


def test_a_state_has_one_colour_whatever_the_picture_shows(tmp_path: Path) -> None:
    values = {"CR": np.repeat(np.array([0, 2, 3, 2], np.uint32), 10)}
    path = write_trace(tmp_path / "run", [REGISTER], list(range(0, 40_000, 1000)), values, TraceOptions())

    whole = make_picture(open_trace(path), PictureOptions(format="svg")).content.decode()
    later = make_picture(open_trace(path), PictureOptions(first_ns=10_000, format="svg")).content.decode()

    colours = [colour_of(MODE, number).lower() for number in (0, 2, 3)]
    assert [colour in whole for colour in colours] == [True, True, True]
    assert [colour in later for colour in colours] == [False, True, True]


def test_numbers_of_one_name_have_one_colour() -> None:
    field = Field("MODE", 0, 3, values=(Value("A", 1), Value("UNUSED", 7, use="write")), otherwise="OTHER")

    assert [colour_number(field, number) for number in (1, 0, 5, 7)] == [0, 1, 1, 1]


def test_states_whose_names_have_no_room_get_a_key(tmp_path: Path) -> None:
    values = {"CR": np.tile(np.array([0, 2, 3], np.uint32), 200)}
    path = write_trace(tmp_path / "run", [REGISTER], list(range(0, 600_000, 1000)), values, TraceOptions())

    content = make_picture(open_trace(path), PictureOptions(format="svg")).content.decode()

    assert [content.count(text) for text in (">SLOW<", ">FAST<", ">&lt;b&gt;$x$<")] == [1, 1, 1]


def test_a_key_that_is_too_long_says_how_many_it_leaves_out(tmp_path: Path) -> None:
    names = tuple(Value(f"A_RATHER_LONG_NAME_{number}", number) for number in range(32))
    register = Register("CR", 0, fields=(Field("MODE", 0, 5, values=names),))
    values = {"CR": np.arange(600) % 32}
    path = write_trace(tmp_path / "run", [register], list(range(0, 600_000, 1000)), values, TraceOptions())

    content = make_picture(open_trace(path), PictureOptions(format="svg")).content.decode()

    left_out = re.findall(r">and ([0-9]+) more<", content)
    assert [int(text) for text in left_out] == [32 - content.count("A_RATHER_LONG_NAME")]


def test_a_picture_of_a_given_height_has_no_keys(tmp_path: Path) -> None:
    values = {"CR": np.tile(np.array([0, 2, 3], np.uint32), 200)}
    path = write_trace(tmp_path / "run", [REGISTER], list(range(0, 600_000, 1000)), values, TraceOptions())

    content = make_picture(open_trace(path), PictureOptions(format="svg", height=300)).content.decode()

    assert ">SLOW<" not in content
