"""Captures with a trigger: which rows are stored, and what is said of the others."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import trigger_twin
from tests.conservation import assert_conserved

import regtap
from regtap.cli.progress import _CaptureProgress
from regtap.errors import InputError
from regtap.recording import loop
from regtap.recording.summary import NothingRecordedWarning
from regtap.recording.triggered import TriggeredWriter
from regtap.triggers.parse import parse_trigger

MS = 1_000_000
NEAR = 20_000  # ns: the loop counts ticks at the counter's nominal frequency


class Device:
    """A page whose first register a test sets, while it is recorded."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(4096))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 4096)
        self.target = f"file:{path}"

    def set(self, value: int) -> None:
        memoryview(self._page).cast("I")[0] = value

    def close(self) -> None:
        self._page.close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path / "device")
    yield device
    device.close()


def record(device: Device, run: Path, trigger: str = "a == 1", **options: Any) -> regtap.Capture:
    options = {"rate": "1k", "pre": "20ms", "post": "20ms", **options}
    return regtap.record(["a=0:u32"], run, target=device.target, trigger=trigger, **options)


def wait_for(capture: regtap.Capture, what: Callable[[Any], bool]) -> None:
    """Wait until a status is so; a test that waits in vain fails."""
    latest_s = time.monotonic() + 60
    while not what(capture.status()):
        assert time.monotonic() < latest_s, capture.status()
        assert not capture.wait(0.001)


def wait_for_stretches(capture: regtap.Capture, count: int) -> None:
    """Wait until so many stretches are stored, or the capture has ended."""
    latest_s = time.monotonic() + 60
    while len(capture.status().caught.stretches) < count and not capture.wait(0.001):  # type: ignore[union-attr]
        assert time.monotonic() < latest_s, capture.status()


def rows_more(capture: regtap.Capture, count: int) -> None:
    taken = capture.status().taken
    wait_for(capture, lambda status: status.taken >= taken + count)


def strike(device: Device, capture: regtap.Capture) -> None:
    """Have the trigger strike once, and wait until it has."""
    hits = capture.status().caught.hits  # type: ignore[union-attr]
    device.set(1)
    wait_for(capture, lambda status: status.caught.hits > hits)
    device.set(0)
    rows_more(capture, 3)


def times_of(trace: regtap.Trace) -> Any:
    return trace.to_arrow(columns=["t_ns"])["t_ns"].to_numpy()


def causes_of(trace: regtap.Trace) -> list[str]:
    """Return the causes of the gaps, but for slots that a loaded machine missed."""
    return [gap.cause for gap in trace.gaps if gap.cause != "missed"]


def hits_of(trace: regtap.Trace) -> list[int]:
    return [mark.t_ns for mark in trace.marks if mark.text.startswith("trigger: ")]


def test_a_hit_stores_what_lies_around_it_and_nothing_else(device: Device, run: Path) -> None:
    with record(device, run) as capture:
        rows_more(capture, 100)
        strike(device, capture)
        rows_more(capture, 100)

    trace = capture.trace()
    times, (hit,) = times_of(trace), hits_of(trace)
    uncut = max(
        (gap.rows for gap in trace.gaps), default=0
    )  # of a loaded machine: a gap with rows inside is kept whole
    assert np.count_nonzero(times < hit - 20 * MS - NEAR) <= uncut
    assert times[-2] - NEAR < hit + 20 * MS <= times[-1] + NEAR
    assert causes_of(trace) == ["overwritten", "overwritten"]
    assert_conserved(trace)
    assert capture.summary.clean


def test_a_mark_lies_on_the_row_that_struck(device: Device, run: Path) -> None:
    with record(device, run) as capture:
        rows_more(capture, 50)
        strike(device, capture)

    trace = capture.trace()
    (hit,) = hits_of(trace)
    row = times_of(trace).tolist().index(hit)
    assert trace.to_arrow()["a"].to_pylist()[row - 1 : row + 1] == [0, 1]
    assert trace.marks[0].text == "trigger: a == 1"


def test_a_capture_ends_with_its_last_stretch(device: Device, run: Path) -> None:
    with record(device, run, captures=2) as capture:
        for number in (1, 2):
            rows_more(capture, 60)
            device.set(1)
            wait_for_stretches(capture, number)
            device.set(0)
        assert capture.wait(60)

    summary = capture.summary
    assert summary.totals.ended == "captures"
    assert summary.caught is not None
    assert [stretch.hits for stretch in summary.caught.stretches] == [1, 1]
    assert all(stretch.post_ns >= 20 * MS - NEAR for stretch in summary.caught.stretches)
    assert summary.clean


def test_a_hit_while_a_stretch_is_open_extends_it(device: Device, run: Path) -> None:
    with record(device, run, post="100s") as capture:
        rows_more(capture, 50)
        strike(device, capture)
        rows_more(capture, 50)
        strike(device, capture)

    caught, trace = capture.summary.caught, capture.trace()
    assert caught is not None
    (stretch,) = caught.stretches
    assert (stretch.hits, stretch.hit_ns, stretch.last_hit_ns) == (2, *hits_of(trace))
    assert stretch.rows == trace.rows


def test_a_stretch_right_after_another_takes_no_row_twice(device: Device, run: Path) -> None:
    with record(device, run, pre="100s", post="10ms") as capture:
        rows_more(capture, 50)
        for _ in range(3):
            strike(device, capture)
            wait_for(capture, lambda status: len(status.caught.stretches) == status.caught.opened)

    trace, caught = capture.trace(), capture.summary.caught
    assert caught is not None
    assert causes_of(trace) == ["overwritten"]  # what came after the last one
    assert [stretch.pre_ns for stretch in caught.stretches] == [
        hit - times_of(trace)[0] for hit in hits_of(trace)
    ]
    assert sum(stretch.rows for stretch in caught.stretches) == trace.rows
    assert_conserved(trace)


def test_hits_within_the_holdoff_are_counted_and_do_nothing_else(device: Device, run: Path) -> None:
    with record(device, run, post="1ms", holdoff="100s") as capture:
        rows_more(capture, 20)
        strike(device, capture)
        for _ in range(2):
            held_off = capture.status().caught.held_off  # type: ignore[union-attr]
            device.set(1)
            wait_for(capture, lambda status, before=held_off: status.caught.held_off > before)  # type: ignore[misc]
            device.set(0)
            rows_more(capture, 3)

    caught = capture.summary.caught
    assert caught is not None
    assert (caught.hits, caught.held_off, len(caught.stretches)) == (1, 2, 1)
    assert len(hits_of(capture.trace())) == 1


def test_what_holds_at_the_start_is_said_and_is_no_hit(device: Device, run: Path) -> None:
    device.set(1)
    with pytest.warns(NothingRecordedWarning), record(device, run, duration=0.05) as capture:
        assert capture.wait(60)

    summary = capture.summary
    assert summary.caught is not None
    assert (summary.caught.held_at_start, summary.caught.hits) == (True, 0)
    assert any("a == 1 held at the start already" in warning for warning in summary.warnings)


@pytest.mark.parametrize("limit", [{"duration": 0.05}, {"samples": 30}])
def test_no_hit_by_the_end_that_was_given_is_a_finding(
    device: Device, run: Path, limit: dict[str, Any]
) -> None:
    with pytest.warns(NothingRecordedWarning, match="no trigger"), record(device, run, **limit) as capture:
        assert capture.wait(60)

    assert capture.summary.caught_nothing
    assert not capture.summary.clean
    assert capture.trace().rows == 0
    assert_conserved(capture.trace())


def test_no_hit_before_somebody_ends_the_capture_is_no_finding(device: Device, run: Path) -> None:
    with record(device, run) as capture:
        rows_more(capture, 20)
    assert capture.summary.clean
    assert capture.trace().rows == 0


def test_the_end_of_the_capture_ends_an_open_stretch(device: Device, run: Path) -> None:
    with record(device, run, post="100s") as capture:
        rows_more(capture, 30)
        strike(device, capture)

    trace, caught = capture.trace(), capture.summary.caught
    assert caught is not None
    assert caught.stretches[0].post_ns < 100 * 10**9
    assert times_of(trace)[-1] >= hits_of(trace)[0]
    assert_conserved(trace)


def test_no_pre_and_no_post_is_the_row_that_struck(device: Device, run: Path) -> None:
    with record(device, run, pre=0, post="0s") as capture:
        rows_more(capture, 30)
        strike(device, capture)

    trace = capture.trace()
    assert trace.rows == 1
    assert times_of(trace).tolist() == hits_of(trace)


EVERYTHING = (
    "STATUS.BUSY rises or STATUS.DONE changes",
    "STATUS.LEVEL > 100 and COUNT32 & 1 == 1",
    "ADC falls",
)


@pytest.mark.parametrize("trigger", EVERYTHING)
def test_every_hit_of_a_capture_is_one_of_its_twin(run: Path, trigger: str) -> None:
    names = ["STATUS", "COUNT32", "ADC"]
    whole: dict[str, Any] = {"pre": "100s", "post": "100s", "rate": "5k"}
    with regtap.record(names, run, target="sim", trigger=trigger, **whole) as capture:
        rows_more(capture, 500)
        while capture.status().caught.hits < 3:  # type: ignore[union-attr]
            assert not capture.wait(0.01)

    trace, caught = capture.trace(), capture.summary.caught
    rows = list(zip(*(trace.to_arrow()[name].to_pylist() for name in names), strict=True))
    struck = trigger_twin.strikes(parse_trigger(trigger, trace.registers), rows)
    assert caught is not None
    assert [hit.item() for hit in times_of(trace)[struck]][:1000] == hits_of(trace)
    assert (caught.hits, caught.unmarked) == (len(struck), max(0, len(struck) - 1000))
    assert trace.rows == capture.summary.totals.taken


def test_a_flood_of_hits_is_counted_to_the_last(device: Device, run: Path) -> None:
    with record(device, run, "a changes", rate="50k", pre=0, post="100s") as capture:
        rows_more(capture, 10)
        while capture.status().caught.hits < 1500:  # type: ignore[union-attr]
            for value in range(2_000):
                device.set(value)

    trace, caught = capture.trace(), capture.summary.caught
    changes = 1 + int(
        np.count_nonzero(np.diff(trace.to_arrow()["a"].to_numpy()))
    )  # and that of the first row
    assert caught is not None
    assert (caught.hits, caught.unmarked) == (changes, changes - 1000)
    assert len(hits_of(trace)) == 1000
    assert_conserved(trace)


SMALL = {"spool_size": "512KiB", "rate": "max", "pre": "10s", "post": "5ms"}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of a row be unknown before the capture, as on a bus."""
    monkeypatch.setattr(loop, "row_cost_ns", lambda *_: None)


@pytest.mark.usefixtures("slow_writer", "bus")
@pytest.mark.parametrize("on_full", ["discard", "wait", "stop"])
def test_rows_after_a_stretch_that_fills_the_ring_follow_on_full(
    device: Device, run: Path, on_full: str
) -> None:
    with record(device, run, on_full=on_full, **{**SMALL, "post": "100s"}) as capture:
        rows_more(capture, 200_000)
        device.set(1)
        if on_full == "discard":
            lost = capture.status().lost
            wait_for(capture, lambda status: status.caught.opened and status.lost > lost)
        elif on_full == "wait":
            wait_for(capture, lambda status: status.caught.opened and status.spool_fill == 1)
        else:
            assert capture.wait(60)

    trace, summary = capture.trace(), capture.summary
    causes = {gap.cause for gap in trace.gaps}
    assert_conserved(trace)
    assert ("full" in causes, summary.pauses > 0, summary.totals.ended == "full") == (
        on_full == "discard",
        on_full == "wait",
        on_full == "stop",
    )
    assert not summary.clean
    assert summary.short  # half a MiB holds no 10 s of full rate


@pytest.mark.usefixtures("bus")
def test_a_pre_trigger_beyond_the_ring_is_told_meanwhile(device: Device, run: Path) -> None:
    with record(device, run, **SMALL) as capture:
        wait_for(capture, lambda status: status.caught.short_pre_ns is not None)

    short_ns = capture.summary.caught.short_pre_ns  # type: ignore[union-attr]
    assert short_ns is not None
    assert short_ns < 10**10
    assert any("this spool holds a pre-trigger of" in warning for warning in capture.summary.warnings)
    assert "the spool holds" in _CaptureProgress(capture)._line()


def test_a_pre_trigger_that_the_ring_holds_needs_no_note(device: Device, run: Path) -> None:
    with record(device, run, rate="max", pre=0, spool_size="512KiB") as capture:
        rows_more(capture, 400_000)
        capture.wait(0.2)

    assert capture.summary.caught.short_pre_ns is None  # type: ignore[union-attr]


@pytest.mark.usefixtures("bus")
def test_a_ring_holds_seven_eighths_before_a_hit_at_full_rate(device: Device, run: Path) -> None:
    with record(device, run, captures=1, **SMALL) as capture:
        rows_more(capture, 200_000)
        ring = capture._begun().resources.loop.ring
        device.set(1)
        assert capture.wait(60)

    trace = capture.trace()
    before = int(np.searchsorted(times_of(trace), hits_of(trace)[0]))
    least = (ring.block_count - ring.block_count // 8 - 2) * ring.rows_per_block
    assert least <= before <= (ring.block_count + 1) * ring.rows_per_block


def test_the_rows_around_a_hit_are_whole_at_full_rate(device: Device, run: Path) -> None:
    options = {**SMALL, "spool_size": "16MiB", "pre": "1ms", "post": "1ms", "captures": 2}
    with record(device, run, "a changes", **options) as capture:
        rows_more(capture, 2_000_000)
        device.set(1)
        wait_for_stretches(capture, 1)
        rows_more(capture, 2_000_000)  # what was dropped while it was stored lies before the next one
        device.set(0)
        assert capture.wait(60)

    trace = capture.trace()
    for stretch in capture.summary.caught.stretches:  # type: ignore[union-attr]
        inside = [gap for gap in trace.gaps if stretch.first_ns < gap.t1_ns <= stretch.last_ns]
        assert inside == []
        assert not stretch.short
    assert_conserved(trace)


@pytest.mark.usefixtures("bus")
def test_a_stretch_is_whole_though_its_writer_is_late(
    device: Device, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_first = TriggeredWriter._take_first

    def take_late(self: TriggeredWriter, *of_stretch: Any) -> None:
        time.sleep(0.02)  # the ring is full after 2 ms where it holds what no stretch wants
        take_first(self, *of_stretch)

    monkeypatch.setattr(TriggeredWriter, "_take_first", take_late)
    options = {"rate": "max", "spool_size": "16MiB", "pre": "1ms", "post": "4ms", "captures": 1}
    with record(device, run, "a changes", **options) as capture:
        rows_more(capture, 2_000_000)
        device.set(1)
        assert capture.wait(60)

    trace, (stretch,) = capture.trace(), capture.summary.caught.stretches  # type: ignore[union-attr]
    assert [gap.cause for gap in trace.gaps if gap.t0_ns < stretch.last_ns] == ["overwritten"]
    assert not stretch.short
    assert_conserved(trace)


def test_several_registers_and_a_latency_stay_together(run: Path) -> None:
    options: dict[str, Any] = {"rate": "2k", "latency": True, "pre": "7ms", "post": "9ms", "captures": 5}
    names = ["CHECKED", "COUNT32", "CHECK"]
    with regtap.record(names, run, target="sim", trigger="COUNT32 & 63 == 0", **options) as capture:
        assert capture.wait(60)

    rows = capture.trace().to_arrow()
    assert len(rows) > 50
    assert np.array_equal(rows["CHECKED"].to_numpy() & 0xFFFFFFFF, rows["COUNT32"].to_numpy())
    assert "latency_ns" in rows.column_names
    assert_conserved(capture.trace())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"trigger": "b rises"},
            "the trigger, column 1, at 'b rises': there is nothing called 'b'",
        ),
        ({"on_full": "overwrite"}, "leave out --on-full overwrite"),
        ({"durable": True}, "choose it or --durable"),
        ({"on_change": True}, "--on-change stores each change; choose one of them"),
        ({"keep_last": "1s"}, "how much to keep is for a flight recorder"),
        ({"pre": "1h", "spool_size": "1MiB"}, "this spool holds a pre-trigger of"),
        (
            {"pre": "10s", "spool_size": "1MiB", "rate": "max"},
            "only at full rate, not 10 s; give a shorter --pre",
        ),
        ({"captures": 0}, "'0' is not a count"),
        ({"pre": "-1s"}, "is not a time"),
        ({"trigger_run": "/no/such/program"}, "cannot run '/no/such/program' at a hit"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    device: Device, run: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as refused, record(device, run, **options):
        pass

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not run.exists()


@pytest.mark.parametrize("name", ["pre", "post", "holdoff", "captures", "trigger_run"])
def test_what_only_a_trigger_makes_use_of_is_refused_without_one(run: Path, name: str) -> None:
    value = {"captures": 3, "trigger_run": "true"}.get(name, "1s")
    with pytest.raises(InputError, match="is for a trigger: add --trigger EXPRESSION"):
        regtap.record(["COUNT32"], run, target="sim", **{name: value})  # type: ignore[arg-type]


def test_nobody_asks_a_trigger_for_a_snapshot(device: Device, run: Path) -> None:
    with record(device, run) as capture, pytest.raises(InputError, match="only a flight recorder"):
        capture.snapshot()
