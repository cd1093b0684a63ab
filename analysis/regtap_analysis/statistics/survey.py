"""One pass over all rows of a trace, in bounded memory, for the figures that `regtap report` shows.

`regtap stats` asks the same of many traces, by an engine that may use as much memory and disk as the answer needs. A
test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.errors import TraceError
from regtap.trace.arrow import shared_values
from regtap.trace.metadata import LATENCY_COLUMN, TIME_COLUMN
from regtap_analysis.statistics.distribution import Distribution
from regtap_analysis.statistics.edges import EdgeFinder, Edges, SeenRows
from regtap_analysis.statistics.figures import TraceFigures
from regtap_analysis.statistics.passes import IntervalPass, SignalPass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from regtap.registers.model import Register
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.model import Signal
    from regtap_analysis.statistics.figures import SignalFigures

    Columns = Mapping[str, npt.NDArray[Any]]


def survey(
    trace: Trace, signals: Sequence[Signal], said: Callable[[int], object] | None = None
) -> TraceFigures:
    """Read every row of a trace once.

    Args:
        trace: The trace.
        signals: The signals to sum up.
        said: Called now and then with the time up to which everything is read.

    Raises:
        TraceError: A part is damaged, or says of itself what its rows are not.
        RefusedError: pyarrow is not installed.
    """
    whole = _Whole(trace, signals)
    for batch in trace.batches(whole.names):
        whole.add({name: shared_values(batch.column(name)) for name in whole.names})
        if said is not None:
            said(whole.last_ns)
    return whole.finish()


class _Whole:
    """All passes at once.

    Attributes:
        names: The columns that they need.
        last_ns: Time of the last row so far.
    """

    def __init__(self, trace: Trace, signals: Sequence[Signal]) -> None:
        self._trace = trace
        by_time = bool(trace.mode.on_change)
        self._passes = {
            signal: SignalPass(signal, _bounds(trace, signal), by_time=by_time) for signal in signals
        }
        self._finders = {signal.register: EdgeFinder() for signal in signals}
        self._seen = SeenRows(trace.gaps)
        self._intervals = IntervalPass(trace.gaps)
        self._latency = Distribution() if LATENCY_COLUMN in trace.columns else None
        self._rows = 0
        self._first_ns: int | None = None
        self.last_ns = 0
        registers = [register.name for register in self._finders]
        self.names = (TIME_COLUMN, *registers, *([] if self._latency is None else [LATENCY_COLUMN]))

    def add(self, columns: Columns) -> None:
        """Add the next rows, at least one."""
        times = columns[TIME_COLUMN]
        try:
            self._intervals.add(times)
        except ValueError as error:
            raise TraceError(f"{self._trace.path} is damaged ({error}); copy it again") from error
        if self._latency is not None:
            self._latency.add(columns[LATENCY_COLUMN])
        rows, is_seen = np.arange(self._rows, self._rows + len(times)), self._seen.of(times)
        changed = {
            register: finder.find(Edges(times, rows, columns[register.name], is_seen))
            for register, finder in self._finders.items()
        }
        for signal, one in self._passes.items():
            one.add(changed[signal.register])
        self._rows += len(times)
        if self._first_ns is None:
            self._first_ns = int(times[0])
        self.last_ns = int(times[-1])

    def finish(self) -> TraceFigures:
        found = {signal: one.finish(self.last_ns, self._rows) for signal, one in self._passes.items()}
        known = {signal: figures for signal, figures in found.items() if figures is not None}
        self._check(known)
        return TraceFigures(
            self._rows,
            0 if self._first_ns is None else self.last_ns - self._first_ns,
            self._intervals.intervals,
            self._intervals.held,
            self._intervals.longest(),
            self._latency,
            known,
        )

    def _check(self, found: Mapping[Signal, SignalFigures]) -> None:
        """Raise TraceError if the parts' statistics are not those of their rows: pictures are drawn from them."""
        for signal, it in found.items():
            told = self._trace.ranges.get(signal.register.name)
            if signal.field is None and told is not None and told != (it.least, it.most):
                raise TraceError(
                    f"{self._trace.path} is damaged: its parts say that {signal.register.name} is from {told[0]:#x} "
                    f"to {told[1]:#x}, and its rows are from {it.least:#x} to {it.most:#x}; copy it again"
                )


def _bounds(trace: Trace, signal: Signal) -> tuple[int, int]:
    register: Register = signal.register
    told = trace.ranges.get(register.name) if signal.field is None else None
    return told or (0, (1 << signal.bits) - 1)
