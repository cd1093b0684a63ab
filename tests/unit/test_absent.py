"""What is absent from a trace is counted once: pictures, reports and catalogues say the same of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.synthetic import counter_trace

from regtap.trace.absent import AbsentCounts, absent_counts
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mode
from regtap.trace.reader import open_trace
from regtap.trace.rotation import Absent, Rotated
from regtap_analysis.catalogue.filters import Filter
from regtap_analysis.catalogue.read import read_catalogue
from regtap_analysis.plot.caption import subtitle
from regtap_analysis.reports.api import report
from regtap_analysis.signals.model import whole_view

REMOVED = Rotated(2, 500, -1, (Absent("full", 7), Absent("overwritten", 11), Absent("missed", 13)))
FULL, OVERWRITTEN = Gap(531, 2, 0, 10, "full"), Gap(533, 5, 10, 20, "overwritten")


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "unfinished"])
@pytest.mark.parametrize(
    ("gaps", "rotated", "expected"),
    [
        ((), REMOVED, AbsentCounts(lost=7, overwritten=0, missed=0)),
        ((FULL, OVERWRITTEN), REMOVED, AbsentCounts(lost=9, overwritten=5, missed=0)),
        ((FULL,), Rotated(1, 500, -1), AbsentCounts(lost=2, overwritten=0, missed=0)),
        ((OVERWRITTEN,), Rotated(1, 500, -1), AbsentCounts(lost=0, overwritten=5, missed=0)),
    ],
    ids=["removed", "both", "kept", "as asked"],
)
def test_losses_are_told_alike_by_all(
    gaps: tuple[Gap, ...], rotated: Rotated, expected: AbsentCounts, finished: bool, tmp_path: Path
) -> None:
    mode = Mode("1000000", "discard", keep_parts=1)
    path = counter_trace(tmp_path / "run", mode=mode, gaps=gaps, rotated=rotated, finished=finished)
    trace = open_trace(path)
    (facts,) = read_catalogue([tmp_path]).traces

    assert absent_counts(trace) == expected
    assert (facts.lost, facts.missed) == (expected.lost, expected.missed)
    assert bool(Filter(lost=True).choose([facts])) == bool(expected.lost)
    assert f" · {expected.lost} lost" in subtitle(trace, whole_view(trace))
    said = f"{expected.lost} samples of " if expected.lost else "othing was lost"
    assert said in report(path).sentence
