"""The live view of `regtap watch` without a terminal: rates."""

from __future__ import annotations

from regtap.maps.naming import Chosen
from regtap.registers.model import Register
from regtap.sampling.live import Activity, Look
from regtap.watch.values import History, lines_of

SECOND = 10**9
REGISTER = Register("STATUS", 0)


def look(elapsed_ns: int, taken: int, changes: int, missed: int = 0) -> Look:
    return Look(elapsed_ns, taken, missed, (Activity(7, changes, 0, 9, 0, (0, 9)),))


def history() -> History:
    return History(lines_of([Chosen(REGISTER)]))


def test_the_first_look_has_rates_from_the_loops_beginning() -> None:
    view = history().add(look(2 * SECOND, 20_000, 1_800))

    assert (view.rate_hz, view.rows[0].rate_hz, view.rows[0].new_changes) == (10_000, 900, 1_800)


def test_counts_that_begin_anew_have_a_rate_since_the_last_look() -> None:
    looks = history()
    looks.add(look(SECOND, 10_000, 500))

    view = looks.add(look(3 * SECOND, 30_000, 40))

    assert (view.rows[0].rate_hz, view.rows[0].new_changes) == (20, 40)
    assert view.rate_hz == 10_000
