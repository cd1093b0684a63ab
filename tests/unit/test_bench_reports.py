"""The reports of a benchmark: what was measured outlives a picture that cannot be drawn."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from regtap.errors import FaultError
from regtap.registers.model import Register
from regtap.targets import parse_target
from regtap_bench.commands.bench import _Reports, _warn_of_reads
from regtap_bench.drawing import load_matplotlib, missing_glyphs
from regtap_bench.measuring.job import Subject

if TYPE_CHECKING:
    from pathlib import Path


def test_reports_that_cannot_be_drawn_are_a_fault_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> dict[str, bytes]:
        raise ValueError("no font")

    monkeypatch.setattr("regtap_bench.report.storage.render_reports", refuse)
    result: Any = object()

    reports = _Reports.of(result)
    reports.store(str(tmp_path))

    assert os.listdir(tmp_path) == []
    with pytest.raises(
        FaultError, match=r"ValueError: no font.*the result is in run, and `regtap report run`"
    ):
        reports.raise_fault("run")


def test_the_environment_has_its_backend_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "module://notebook")
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # of a test before

    load_matplotlib()

    assert os.environ["MPLBACKEND"] == "module://notebook"
    assert "matplotlib.pyplot" not in sys.modules


def test_missing_glyphs_are_collected_and_other_warnings_pass() -> None:
    missing: set[str] = set()

    with pytest.warns(UserWarning, match="something else") as passed:
        missing |= _warned_twice()

    assert (missing, len(passed)) == ({"\u4e0a"}, 1)


def _warned_twice() -> set[str]:
    with missing_glyphs() as missing:
        for text in (f"Glyph 19978 ({n}) missing from font(s) DejaVu Sans." for n in range(2)):
            warnings.warn(text, stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    return missing


@pytest.mark.parametrize(
    ("target", "effect", "said"),
    [
        ("mem", "", "is read tens to hundreds of thousands of times"),
        ("mem", "pops the FIFO", "reading DATA: pops the FIFO"),
        ("sim", "", ""),
    ],
)
def test_a_register_whose_read_may_have_an_effect_is_warned_of(
    target: str, effect: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = Subject(target, Register("DATA", 8, read_effect=effect), write=None, quick=True, cpu=None)

    _warn_of_reads(parse_target(target), subject)

    assert (said in capsys.readouterr().err) if said else capsys.readouterr().err == ""
