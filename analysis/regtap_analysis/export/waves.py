"""A trace for wave viewers: changes of signals, gaps, and marks, in the order of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from regtap.errors import TraceError
from regtap.trace.arrow import shared_values
from regtap_analysis.export.written import Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from regtap.trace.gaps import Gap
    from regtap_analysis.export.options import Selection
    from regtap_analysis.progress import ReadingProgress
    from regtap_analysis.signals.model import Signal

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of signals in the order of time, and of the signals at one time.

    Attributes:
        times_ns: When, non-decreasing, shape (changes,).
        signals: Index of each change's signal, shape (changes,).
        values: The value from then on, shape (changes,).
    """

    times_ns: Times
    signals: npt.NDArray[np.intp]
    values: Values


@dataclass(frozen=True, slots=True)
class Moment:
    """An event that is no change: the begin of a gap, or a mark.

    Attributes:
        t_ns: When.
        gap: The gap that begins, or None.
        mark: The mark's text, or empty.
    """

    t_ns: int
    gap: Gap | None = None
    mark: str = ""


class WaveWriter(Protocol):
    """Writes one format; its methods are called in the order of time, and either close() or abandon() at the end.

    Attributes:
        lacking: Parts of the trace that the format cannot hold.
    """

    lacking: tuple[str, ...]

    def changes(self, changes: Changes) -> None:
        """Write changes."""
        ...

    def gap(self, t_ns: int, gap: Gap) -> None:
        """Write that values are unknown from `t_ns` up to `gap.t1_ns`; the value of every signal follows.

        A gap that has rows inside stands for many short ones between them: what is known goes on.
        """
        ...

    def unknown(self, t_ns: int, signals: Sequence[int]) -> None:
        """Write that the values of some signals are unknown from a time on; their next values follow."""
        ...

    def mark(self, t_ns: int, text: str) -> None:
        """Write a mark."""
        ...

    def close(self, last_ns: int) -> None:
        """Write the rest.

        The values are known up to a time.
        """
        ...

    def abandon(self) -> None:
        """Free what is held, of a file that is of no use; nothing, after a close()."""
        ...


def write_waves(selection: Selection, writer: WaveWriter, progress: ReadingProgress) -> Written:
    """Write the selected part of a trace as changes, to the end or not at all: the writer is finished with.

    Raises:
        TraceError: A part is damaged.
        OSError: The system refuses, or the disk is full.
    """
    try:
        return _write_all(selection, writer, progress)
    except BaseException:
        writer.abandon()
        raise


def _write_all(selection: Selection, writer: WaveWriter, progress: ReadingProgress) -> Written:
    on_change = selection.trace.mode.on_change
    unheld = [index for index, signal in enumerate(selection.signals) if not signal.holds(on_change)]
    moments = list(_moments(selection, has_unheld=bool(unheld)))
    finder = _ChangeFinder(selection.signals)
    count, last_ns, said = 0, first_moment_ns(selection), 0
    for batch in _pieces(selection, moments):
        times = shared_values(batch.column(0))
        _check_order(selection, last_ns, times)
        while said < len(moments) and moments[said].t_ns <= times[0]:
            finder.restart(_say(writer, moments[said], unheld))
            said += 1
        found = finder.find(times, batch)
        writer.changes(found)
        count, last_ns = count + len(found.times_ns), int(times[-1])
        progress.at(last_ns)
    for moment in moments[said:]:
        _say(writer, moment, unheld)
        last_ns = max(last_ns, moment.gap.t1_ns if moment.gap else moment.t_ns)
    writer.close(last_ns)
    return Written(count, "change", writer.lacking)


def _check_order(selection: Selection, last_ns: int, times: Times) -> None:
    """Raise TraceError for times that no recorder writes: the formats cannot go back."""
    if times[0] < last_ns or np.any(times[1:] < times[:-1]):
        raise TraceError(f"{selection.trace.path} is damaged (its times are not in order); copy it again")


def first_moment_ns(selection: Selection) -> int:
    """Return the time of the first row or moment to be written."""
    trace, first = selection.trace, selection.options.first_ns
    start = trace.time_range[0] if trace.time_range else 0
    moments = [start, *(gap.t0_ns for gap in trace.gaps), *(mark.t_ns for mark in trace.marks)]
    return max(min(moments), first) if first is not None else min(moments)


def _moments(selection: Selection, *, has_unheld: bool) -> Iterator[Moment]:
    """Yield gaps, each a nanosecond after the row before it, and marks, in the order of time.

    A gap is cut to the window at both ends. One of unchanged samples is there only if a signal is not known in it.
    """
    trace, first, stop = selection.trace, selection.options.first_ns, selection.options.stop_ns
    gaps = [
        Moment(
            gap.t0_ns + 1 if first is None else max(gap.t0_ns + 1, first),
            gap=gap if stop is None else replace(gap, t1_ns=min(gap.t1_ns, stop)),
        )
        for gap in trace.gaps
        if (has_unheld or not gap.holds)
        and gap.t1_ns > gap.t0_ns + 1
        and selection.in_window(gap.t0_ns + 1, gap.t1_ns)
    ]
    marks = [Moment(it.t_ns, mark=it.text) for it in trace.marks if selection.in_window(it.t_ns, it.t_ns)]
    return iter(sorted([*gaps, *marks], key=lambda moment: moment.t_ns))


def _pieces(selection: Selection, moments: Sequence[Moment]) -> Iterator[pa.RecordBatch]:
    """Yield the rows, cut before the time of each moment."""
    options = selection.options
    cuts_ns = np.array([moment.t_ns for moment in moments], np.int64)
    for batch in selection.trace.batches(("t_ns", *selection.names), options.first_ns, options.stop_ns):
        times = shared_values(batch.column(0))
        inside = cuts_ns[np.searchsorted(cuts_ns, times[0]) : np.searchsorted(cuts_ns, times[-1], "right")]
        edges = np.unique(np.concatenate([[0], np.searchsorted(times, inside), [len(times)]]))
        for first, stop in pairwise(edges):
            yield batch.slice(int(first), int(stop - first))


def _say(writer: WaveWriter, moment: Moment, unheld: Sequence[int]) -> Sequence[int] | None:
    """Write a moment; return the signals whose values are to follow, None for all.

    Args:
        writer: Writes it.
        moment: A gap, or a mark.
        unheld: The signals that are not known in gaps of unchanged samples.
    """
    if moment.gap is None:
        writer.mark(moment.t_ns, moment.mark)
        return ()
    if moment.gap.holds:
        unknown = () if moment.gap.rows else unheld
        writer.unknown(moment.t_ns, unknown)
        return unknown
    writer.gap(moment.t_ns, moment.gap)
    return () if moment.gap.rows else None


class _ChangeFinder:
    """Finds the rows with a change of a signal, over the ends of batches too."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        self._signals = tuple(signals)
        self._last: list[Any] = [None] * len(self._signals)

    def restart(self, signals: Sequence[int] | None) -> None:
        """Count the next row as a change of some signals; None: of all."""
        for index in range(len(self._signals)) if signals is None else signals:
            self._last[index] = None

    def find(self, times: Times, batch: pa.RecordBatch) -> Changes:
        """Return the changes in a batch of at least one row."""
        rows, signals, values = [], [], []
        for index, signal in enumerate(self._signals):
            column = signal.pick(shared_values(batch.column(signal.register.name)))
            changed = np.flatnonzero(column[1:] != column[:-1]) + 1
            if self._last[index] is None or column[0] != self._last[index]:
                changed = np.concatenate([[0], changed])
            self._last[index] = column[-1]
            rows.append(changed)
            signals.append(np.full(len(changed), index))
            values.append(column[changed].astype(np.uint64))
        row, signal_index = np.concatenate(rows), np.concatenate(signals)
        order = np.lexsort((signal_index, row))
        return Changes(times[row[order]], signal_index[order], np.concatenate(values)[order])
