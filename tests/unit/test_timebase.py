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
