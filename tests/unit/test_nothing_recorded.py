"""A `with` block that leaves a trace without rows says so."""

from __future__ import annotations

from pathlib import Path

import pytest

import regtap


@pytest.mark.parametrize(("rate", "balance"), [("max", "taken"), ("1k", "due")])
def test_a_block_that_ends_without_a_trigger_warns(tmp_path: Path, rate: str, balance: str) -> None:
    """Its ring holds all of its samples, and with that any pre-trigger."""
    with (
        pytest.warns(
            regtap.NothingRecordedWarning,
            match=rf"run: nothing was recorded: no trigger \(ID changes\); {balance}",
        ) as told,
        regtap.record(
            ["ID"], tmp_path / "run", target="sim", rate=rate, samples=50, trigger="ID changes"
        ) as capture,
    ):
        capture.wait(60)

    assert told[0].filename == __file__
    assert capture.summary.totals.stored == 0


def test_a_block_with_rows_does_not(tmp_path: Path) -> None:
    with regtap.record(["ID"], tmp_path / "run", target="sim", samples=5) as capture:
        capture.wait(60)

    assert capture.summary.totals.stored == 5


def test_an_error_in_the_block_is_all_that_is_told(tmp_path: Path) -> None:
    capture = regtap.record(["ID"], tmp_path / "run", target="sim", rate="1k", trigger="ID changes")

    with pytest.raises(ZeroDivisionError), capture:
        raise ZeroDivisionError
