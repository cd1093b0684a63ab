"""Reports from Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.trace.moments import find_mark
from regtap.trace.reader import Trace, open_trace
from regtap_analysis.reports.html import html
from regtap_analysis.reports.markdown import markdown
from regtap_analysis.reports.names import signal_name
from regtap_analysis.reports.sections import ReportOptions, content_of
from regtap_analysis.signals.model import find_signal, signals_of
from regtap_analysis.statistics.survey import survey

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from regtap_analysis.reports.content import Content
    from regtap_analysis.signals.model import Signal
    from regtap_analysis.statistics.figures import TraceFigures


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report.

    Attributes:
        content: The content of the report.
        figures: The figures behind the report.
    """

    content: Content
    figures: TraceFigures

    @property
    def sentence(self) -> str:
        """The whole report in one or two sentences."""
        return self.content.sentence

    def html(self) -> str:
        """Return it as one page, which needs no other file and no network."""
        return html(self.content)

    def markdown(self) -> str:
        """Return it as Markdown: its sentences and tables."""
        return markdown(self.content)


def report(
    trace: str | os.PathLike[str] | Trace,
    registers: Sequence[str] = (),
    intervals: Sequence[str] = (),
    said: Callable[[int], object] | None = None,
    align: str | None = None,
) -> Report:
    """Read every row of a trace once, in bounded memory, and report on it.

    Args:
        trace: Its folder, or the opened trace.
        registers: Only these registers; empty: all.
        intervals: Registers and fields (`STATUS.BUSY`) whose times between changes are shown; empty: those where they
            are others than the rows' own.
        said: Called now and then with the time, in ns, up to which rows were read.
        align: Times count from the first mark of this text, or else the first whose text begins so; None: from the
            start.

    Raises:
        InputError: The trace has no such register, field or mark.
        TraceError: It is no trace, or a part is damaged.
    """
    opened = trace if isinstance(trace, Trace) else open_trace(trace)
    signals = signals_of(opened, registers)
    zero = None if align is None else find_mark(opened, align)
    options = ReportOptions(registers, _chosen(opened, signals, intervals), zero)
    figures = survey(opened, signals, said)
    return Report(content_of(opened, figures, options), figures)


def _chosen(trace: Trace, signals: Sequence[Signal], names: Sequence[str]) -> tuple[Signal, ...]:
    chosen = [find_signal(trace, name) for name in names]
    shown = {signal_name(signal): signal for signal in signals}
    for name, signal in zip(names, chosen, strict=True):
        if signal_name(signal) not in shown:
            raise InputError(
                f"{name} is of {signal.register.name}, which the report leaves out; choose that register too"
            )
    return tuple(dict.fromkeys(shown[signal_name(signal)] for signal in chosen))
