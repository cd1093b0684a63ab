"""The clock of a capture that runs."""

from __future__ import annotations

import pytest

from regtap import _native
from regtap.clock import live


def test_a_writer_without_rows_for_days_still_takes_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = live.Timebase(_native.Source.system)
    clock.keep_up()
    assert len(clock.info().anchors) == 1  # the first one is young

    monkeypatch.setattr(live, "_OLD_NS", 1)
    clock.keep_up()
    clock.keep_up()

    assert len(clock.info().anchors) == 3


def test_a_tick_that_an_anchor_covers_takes_no_other() -> None:
    clock = live.Timebase(_native.Source.system)
    tick = clock.info().anchors[0].ticks

    clock.cover(tick)
    clock.cover(tick)  # the second anchor lies behind it
    assert len(clock.info().anchors) == 2

    clock.cover(clock.info().anchors[-1].ticks)
    assert len(clock.info().anchors) == 3
