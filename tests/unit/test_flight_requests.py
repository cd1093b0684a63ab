"""Requests for snapshots: what the ring has at the moment of a request is stored, and every request is answered."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import threading
import time
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest
from tests.bomb import Bomb
from tests.conservation import assert_conserved
from tests.flight_captures import record, released_word, wait_for_laps, wait_until_taken
from tests.waiting import wait_until

import regtap
from regtap.recording.flight import MARK, FlightWriter
from regtap.recording.snapshots import Request, Requests, Snapshot
from regtap.spool.layout import HELD
from regtap.spool.overwriting import most_kept


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(range(256)) * 16)
    return path


def hold_writer_up(
    monkeypatch: pytest.MonkeyPatch, owner: type = Requests, method: str = "get"
) -> tuple[threading.Event, threading.Event]:
    """Let the writer wait in a method from now on; return events: it has come there, and it may go on."""
    original, comes, go_on = getattr(owner, method), threading.Event(), threading.Event()

    def come_late(*arguments: Any) -> Any:
        comes.set()
        assert go_on.wait(60)
        return original(*arguments)

    monkeypatch.setattr(owner, method, come_late)
    return comes, go_on


def is_held(capture: regtap.Capture) -> bool:
    """Return whether the loop may overwrite nothing."""
    return released_word(capture._begun().resources.loop.ring) & HELD != 0


def end_loop(capture: regtap.Capture) -> None:
    """Ask the loop to end, and wait until it has."""
    capture.stop()
    wait_until(lambda: not capture._begun().resources.loop.sampler.running(), "the loop's end")


def test_a_late_writer_still_finds_what_was_to_be_kept(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_snapshot = FlightWriter._take_snapshot

    def take_late(self: FlightWriter, t_ns: int) -> Snapshot:
        time.sleep(0.8)  # twice as long as the loop needs to overwrite this ring
        return take_snapshot(self, t_ns)

    monkeypatch.setattr(FlightWriter, "_take_snapshot", take_late)
    with record(device, tmp_path / "run", rate="100k", keep_last="100ms") as capture:
        wait_until_taken(capture, 50_000)
        snapshot = capture.snapshot().result(120)

    trace = capture.trace()
    assert not snapshot.short
    assert snapshot.first_ns <= trace.marks[0].t_ns - 100_000_000
    assert_conserved(trace)


def test_a_cancelled_snapshot_lets_the_ring_go(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        comes, go_on = hold_writer_up(monkeypatch)
        assert comes.wait(60)
        capture.snapshot().cancel()
        wait_for_laps(capture)
        held = is_held(capture)
        go_on.set()
        wait_until(lambda: not is_held(capture), "a ring that is let go")

    assert held
    assert capture.trace().marks == ()
    assert_conserved(capture.trace())


def test_whoever_hears_of_a_snapshot_finds_the_ring_let_go(device: Path, tmp_path: Path) -> None:
    held: list[bool] = []
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        snapshot = capture.snapshot()
        snapshot.add_done_callback(lambda _: held.append(is_held(capture)))
        snapshot.result(30)
        wait_until(lambda: held, "the callback")

    assert held == [False]


def test_a_request_that_is_made_slowly_holds_the_ring(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, go_ons = Requests.put, []

    def put_late(self: Requests, request: Request) -> bool:
        wait_until(lambda: not is_held(capture), "a writer that has let the ring go")
        comes, go_on = hold_writer_up(monkeypatch)
        assert comes.wait(60)
        go_ons.append(go_on)
        return put(self, request)

    monkeypatch.setattr(Requests, "put", put_late)
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        snapshot = capture.snapshot()
        held = is_held(capture)
        go_ons[0].set()
        snapshot.result(30)

    assert held
    assert_conserved(capture.trace())


def test_an_interrupt_at_each_step_of_a_request_leaves_no_hold(device: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        step = 0
        while is_interrupted(capture, Bomb(step, "opcode", KeyboardInterrupt, report), report):
            wait_until(lambda: not is_held(capture), "a ring that is let go")
            step += 1
        assert step > 20
        assert capture.snapshot().result(30).rows > 0

    assert_conserved(capture.trace())


def is_interrupted(capture: regtap.Capture, bomb: Bomb, report: Path) -> bool:
    """Ask for a snapshot; return whether the bomb has struck, where there are so many steps."""
    before = sys.gettrace()
    bomb.arm(None, 0)
    try:
        capture.snapshot()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return bool(json.loads(report.read_text())["hit"])


def test_a_request_after_the_loops_end_is_refused(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        comes, go_on = hold_writer_up(monkeypatch)
        assert comes.wait(60)
        end_loop(capture)
        with pytest.raises(regtap.InputError, match="not running"):
            capture.snapshot()
        ring = capture._begun().resources.loop.ring
        go_on.set()
        assert capture.wait(60)

    assert capture.summary.totals.stored > most_kept(ring.block_count) * ring.rows_per_block
    assert_conserved(capture.trace())


def test_a_snapshot_that_waits_at_the_end_is_taken_and_marked(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes, go_on = hold_writer_up(monkeypatch, FlightWriter, "_take_snapshot")
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        first = capture.snapshot()
        assert comes.wait(60)
        second = capture.snapshot()
        end_loop(capture)
        go_on.set()
        assert capture.wait(60)

    assert [mark.text for mark in capture.trace().marks] == [MARK, MARK]
    assert capture.summary.snapshots is not None
    assert capture.summary.snapshots[:2] == (first.result(0), second.result(0))
    assert_conserved(capture.trace())


def test_only_a_flight_recorder_takes_snapshots(device: Path, tmp_path: Path) -> None:
    with (
        record(device, tmp_path / "run", on_full="wait", samples=10) as capture,
        pytest.raises(regtap.InputError, match="only a flight recorder"),
    ):
        capture.wait_for_first_row()
        capture.snapshot()


@pytest.mark.usefixtures("slow_writer")
def test_a_cancelled_snapshot_is_not_stored_the_capture_goes_on(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        first, cancelled, last = (capture.snapshot() for _ in range(3))
        assert cancelled.cancel()  # the first one still keeps the writer busy
        last.result(10)
        with pytest.raises(CancelledError):
            cancelled.result(0)
    trace = capture.trace()
    capture.raise_fault()

    assert (capture.summary.snapshots or ())[:-1] == (first.result(), last.result())
    assert [mark.text for mark in trace.marks] == ["snapshot", "snapshot"]
    assert_conserved(trace)


def test_a_snapshot_no_longer_waited_for_ends_nothing(device: Path, tmp_path: Path) -> None:
    async def ask(capture: regtap.Capture) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(capture.snapshot()), 0)

    with record(device, tmp_path / "run") as capture:
        for _ in range(20):
            asyncio.run(ask(capture))
        assert capture.snapshot().result(10).rows >= 0
    trace = capture.trace()
    capture.raise_fault()
    assert_conserved(trace)


def test_a_snapshot_after_the_end_is_refused(device: Path, tmp_path: Path) -> None:
    capture = record(device, tmp_path / "run", samples=10)
    with pytest.raises(regtap.InputError, match="not started"):
        capture.snapshot()
    with capture:
        capture.wait(30)

    with pytest.raises(regtap.InputError, match="not running"):
        capture.snapshot()


def test_many_threads_may_ask_at_once(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        threads = [threading.Thread(target=lambda: capture.snapshot().result(30)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    snapshots = capture.summary.snapshots
    assert snapshots is not None
    assert len(snapshots) == 9
    assert_conserved(capture.trace())


@pytest.mark.parametrize("rate", ["max", "100k", "3M"])
def test_requests_from_threads_and_handlers_all_end(device: Path, tmp_path: Path, rate: str) -> None:
    rng = random.Random(rate)
    asked: list[Future[Snapshot]] = []

    def ask(*_: object) -> None:
        snapshot = capture.snapshot()
        asked.append(snapshot)
        if rng.random() < 0.3:
            snapshot.cancel()

    def ask_often() -> None:
        for _ in range(15):
            ask()
            time.sleep(rng.random() / 100)

    with record(device, tmp_path / "run", rate=rate) as capture:
        threads = [threading.Thread(target=ask_often) for _ in range(3)]
        before = signal.signal(signal.SIGALRM, ask)
        signal.setitimer(signal.ITIMER_REAL, 0.003, 0.004)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:  # else the timer goes on in other tests
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        wait_until(lambda: all(snapshot.done() for snapshot in asked), "all answers")
        wait_until(lambda: not is_held(capture), "a ring that is let go")

    taken = [snapshot for snapshot in asked if not snapshot.cancelled()]
    snapshots = capture.summary.snapshots
    assert snapshots is not None
    assert sorted(map(_order, snapshots[:-1])) == sorted(_order(snapshot.result(0)) for snapshot in taken)
    assert_conserved(capture.trace())


def _order(snapshot: Snapshot) -> tuple[int, int, int]:
    return snapshot.first_ns, snapshot.last_ns, snapshot.rows
