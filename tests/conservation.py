"""The conservation rule, checked from a trace alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.trace.gaps import CAUSES, LOSSES

if TYPE_CHECKING:
    from regtap.trace.gaps import Gap
    from regtap.trace.reader import Trace


def assert_conserved(trace: Trace, extra: tuple[Gap, ...] = ()) -> None:
    """Rows and gaps together are exactly [0, total), nothing twice, and each gap lies between its rows.

    Args:
        trace: A finished one, with totals.
        extra: Gaps to be taken for the trace's own, to try the check itself.
    """
    totals = trace.totals
    assert totals is not None
    assert totals.balanced
    assert totals.stored == trace.rows
    times = trace.to_arrow(columns=["t_ns"])["t_ns"].to_numpy()
    total = totals.taken if totals.due is None else totals.due
    gaps = sorted((*trace.gaps, *extra), key=lambda gap: (gap.first_index, gap.count))
    absent = 0
    end = 0  # first index after the gap before
    for gap in gaps:
        assert gap.first_index >= end, f"{gap} overlaps the gap before it"
        assert gap.t0_ns <= gap.t1_ns, gap
        row = gap.first_index - absent  # rows before it
        assert 0 <= row <= row + gap.rows <= len(times), gap
        assert gap.count > 0 or not gap.rows, gap
        if row > 0:
            assert times[row - 1] <= gap.t1_ns, f"{gap} ends before the row before it"
        if row < len(times):
            assert times[row] >= gap.t0_ns, f"{gap} begins after the row after it"
        if gap.rows:
            assert gap.cause in ("missed", "torn", "unchanged"), gap
            assert times[row + gap.rows - 1] <= gap.t1_ns, f"{gap} ends before the last row inside it"
        absent += gap.count
        end = gap.first_index + gap.count + gap.rows
    assert end <= total
    assert len(times) + absent == total
    counts = {cause: sum(gap.count for gap in gaps if gap.cause == cause) for cause in CAUSES}
    assert sum(counts[cause] for cause in LOSSES) == totals.lost
    assert (counts["torn"], counts["unchanged"]) == (totals.torn, totals.unchanged)
    assert counts["overwritten"] == totals.overwritten
    assert counts["missed"] == totals.missed
    assert counts["rotated"] == totals.rotated
    assert counts["throttled"] == counts["fault"] == 0
