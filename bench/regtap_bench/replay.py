"""Values measured elsewhere, carried exactly into pytest-benchmark's table and JSON.

    @pytest.mark.benchmark(timer=replay_timer)
    def test_arm(benchmark): replay(benchmark, seconds)

pytest-benchmark stays the front door of test suites; the measuring is done where arms can be interleaved and a
call costs nothing.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_pending: Iterator[float] = iter(())
_in_round = False


def replay_timer() -> float:
    """Return 0 at the start of a round and the round's value, in seconds, at its end; for pedantic rounds only."""
    global _in_round  # noqa: PLW0603 - pytest-benchmark takes a bare function
    _in_round = not _in_round
    return 0.0 if _in_round else next(_pending)


def replay(benchmark: Any, seconds: Iterable[float], **facts: object) -> None:
    """Make values the rounds of a test's `benchmark` fixture, which must use replay_timer.

    Args:
        benchmark: The fixture.
        seconds: One value a round; at most about 100,000, all of which the JSON would hold.
        facts: Kept beside them (`extra_info`).
    """
    values = [float(value) for value in seconds]
    _start(values)
    benchmark.extra_info.update(facts)
    benchmark.pedantic(_nothing, rounds=len(values), iterations=1, warmup_rounds=0)


def give_up(benchmark: Any, reason: Exception) -> None:
    """Make a test's fixture count as used, without a value, so that pytest-benchmark does not complain."""
    _start([])
    with contextlib.suppress(type(reason)):
        benchmark.pedantic(_raise, args=(reason,))


def _start(values: Iterable[float]) -> None:
    global _pending, _in_round
    _pending, _in_round = iter(values), False


def _nothing() -> None:
    pass


def _raise(reason: Exception) -> None:
    raise reason
