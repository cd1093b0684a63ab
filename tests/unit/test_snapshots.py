"""Which blocks a snapshot takes, what lies before them, and how requests reach the writer."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from itertools import pairwise
from queue import SimpleQueue

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.recording.snapshots import Request, Requests, Snapshot
from regtap.spool.block import Block
from regtap.spool.overwriting import count_ended_before, most_kept, overwritten_gaps

LAST = Snapshot(7, 1, 2, short=False)


def block_at(first_index: int, tick: int, missed_before: int = 0) -> Block:
    ticks = np.array([tick], dtype=np.uint64)
    return Block(first_index, ticks, (), None, (), missed_before)


def test_a_block_that_reaches_into_the_window_is_taken() -> None:
    assert count_ended_before([10, 20, 30, 40], 20) == 1
    assert count_ended_before([10, 20, 30, 40], 21) == 2


def test_without_a_window_all_is_taken() -> None:
    assert count_ended_before([10, 20, 30, 40], None) == 0


@pytest.mark.parametrize("block_count", [32, 128])
def test_the_sampler_is_left_enough_blocks_to_resume(block_count: int) -> None:
    assert block_count - most_kept(block_count) > block_count // 8


def test_the_newest_block_is_always_taken() -> None:
    assert count_ended_before([10, 20, 30], 1000) == 2
    assert count_ended_before([10], 1000) == 0
    assert count_ended_before([], 1000) == 0


def test_what_was_overwritten_is_told_from_what_was_missed() -> None:
    gaps = overwritten_gaps(100, 5, block_at(180, 9000, missed_before=35), 4000)
    assert [(gap.first_index, gap.count, gap.cause) for gap in gaps] == [
        (100, 50, "overwritten"),
        (150, 30, "missed"),
    ]
    assert [(gap.t0_ticks, gap.t1_ticks) for gap in gaps] == [(4000, 7125), (7125, 9000)]  # 50 and 30 of 80


def test_where_nothing_was_overwritten_there_is_no_gap() -> None:
    assert overwritten_gaps(100, 0, block_at(100, 9000), 4000) == ()


@given(
    st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**62), st.integers()
)
def test_gaps_fill_the_hole_exactly_whatever_a_block_claims(
    index: int, missed: int, hole: int, claimed: int, t0: int
) -> None:
    gaps = overwritten_gaps(index, missed, block_at(index + hole, 9000, claimed), abs(t0))
    at = index
    for gap in gaps:
        assert gap.first_index == at
        assert gap.count > 0
        assert gap.t0_ticks <= gap.t1_ticks
        at += gap.count

    assert at == index + hole
    assert all(before.t1_ticks == gap.t0_ticks for before, gap in pairwise(gaps))


def test_a_request_comes_out_as_it_was_put_in() -> None:
    requests = Requests()
    request = Request(17)

    assert requests.put(request)
    assert requests.get(0) is request
    assert requests.get(0) is None


def test_a_cancelled_request_is_passed_over() -> None:
    requests = Requests()
    cancelled, wanted = Request(17), Request(18)
    requests.put(cancelled)
    requests.put(wanted)

    assert cancelled.done.cancel()
    assert requests.get(0) is wanted
    assert requests.get(0) is None


def test_a_request_that_was_taken_up_cannot_be_cancelled() -> None:
    requests = Requests()
    request = Request(17)
    requests.put(request)
    requests.get(0)

    assert not request.done.cancel()


@pytest.mark.parametrize("answer", [LAST, OSError("no room")])
def test_a_cancelled_request_keeps_no_answer_from_the_others(
    answer: Snapshot | OSError,
) -> None:
    requests = Requests()
    cancelled, wanted = Request(17), Request(18)
    requests.put(cancelled)
    requests.put(wanted)
    assert cancelled.done.cancel()

    requests.close(answer)

    assert (wanted.done.exception(0) or wanted.done.result(0)) is answer


def test_a_request_left_at_the_end_gets_the_ends_snapshot() -> None:
    requests = Requests()
    request = Request(17)
    requests.put(request)
    requests.close(LAST)

    assert request.done.result(0) is LAST
    assert not requests.put(Request(18))


def test_a_request_that_a_failure_leaves_behind_raises_it() -> None:
    requests = Requests()
    request = Request(17)
    requests.put(request)
    requests.close(OSError("no room"))

    with pytest.raises(OSError, match="no room"):
        request.done.result(0)


def test_a_request_that_comes_at_the_very_end_is_answered() -> None:
    """The end's last look at the queue may come between the two steps of a put."""

    class EndsFirst(SimpleQueue[Request]):
        def put(self, item: Request, *_: object) -> None:
            requests.close(LAST)
            super().put(item)

    requests = Requests()
    requests._queue = EndsFirst()
    request = Request(17)
    assert requests.put(request)
    assert request.done.result(0) is LAST


def test_no_request_is_forgotten_while_the_capture_ends() -> None:
    for _ in range(200):
        requests = Requests()
        accepted: list[Future[Snapshot]] = []
        begun = threading.Event()

        def ask(requests: Requests = requests, accepted: list[Future[Snapshot]] = accepted) -> None:
            for k in range(50):
                request = Request(k)
                if requests.put(request):
                    accepted.append(request.done)
                begun.set()  # noqa: B023 - the thread ends with this turn

        thread = threading.Thread(target=ask)
        thread.start()
        begun.wait()
        requests.close(LAST)
        thread.join()
        assert all(done.done() for done in accepted)
