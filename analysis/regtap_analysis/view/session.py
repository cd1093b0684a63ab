"""The traces of a page: their lanes on one time axis, opened anew while a capture goes on."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regtap.follow.live import open_live
from regtap.maps.lookup import NO_MAPS
from regtap.trace.moments import find_mark
from regtap.triggers.names import bits_called
from regtap.units.format import format_utc
from regtap_analysis.plot import caption
from regtap_analysis.plot.layout import lane_height
from regtap_analysis.signals.model import View, find_signal, signals_of, whole_view
from regtap_analysis.signals.pages import TracePages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.follow.live import LiveTrace
    from regtap.maps.lookup import Maps
    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.model import Signal

_AGAIN_S = 0.5  # how often a growing trace is looked at
MOST_GAPS = 2000  # that one answer lists


@dataclass(frozen=True, slots=True)
class Shown:
    """One trace on the page.

    Attributes:
        trace: The trace as it was opened last.
        pages: Its pages.
        offset_ns: The shift of its times on the common axis.
    """

    trace: Trace
    pages: TracePages
    offset_ns: int

    @property
    def view(self) -> View:
        """The trace's span on the common axis."""
        whole = whole_view(self.trace)
        return View(whole.first_ns + self.offset_ns, whole.stop_ns + self.offset_ns)


@dataclass(frozen=True, slots=True)
class Lane:
    """One signal on the page.

    Attributes:
        number: Its number; the page asks for it by this.
        source: Number of its trace.
        signal: The signal of the lane.
    """

    number: int
    source: int
    signal: Signal


class Session:
    """Traces and their lanes.

    Args:
        paths: The traces.
        registers: Names of the registers to show, each of at least one trace; empty: all.
        align: Text of the mark at which each trace has its time 0; None: at its start.
        maps: Describe registers of traces that were recorded without these maps.
        wait_s: How long to wait for the first row of a capture that has just begun.

    Raises:
        InputError: One is no trace, has no register or mark of that name.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        registers: Sequence[str] = (),
        align: str | None = None,
        maps: Maps = NO_MAPS,
        wait_s: float = 0.0,
    ) -> None:
        self._lock = threading.Lock()
        self._looked_s = time.monotonic()
        with ExitStack() as opened:
            self._live = [opened.enter_context(open_live(Path(path), maps, wait_s)) for path in paths]
            traces = [live.look() for live in self._live]
            marks = [None if align is None else find_mark(trace, align) for trace in traces]
            self.shown = tuple(
                Shown(trace, TracePages(trace), 0 if mark is None else -mark.t_ns)
                for trace, mark in zip(traces, marks, strict=True)
            )
            signals = _signals(traces, registers)
            self._opened = opened.pop_all()
        self.zero = _zero(marks, align)
        self.lanes = tuple(Lane(number, *entry) for number, entry in enumerate(signals))

    @property
    def view(self) -> View:
        """The span of all traces on the common axis."""
        views = [shown.view for shown in self.shown]
        return View(min(view.first_ns for view in views), max(view.stop_ns for view in views))

    def look_again(self) -> None:
        """Open unfinished traces anew, unless that was done just now."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._looked_s < _AGAIN_S:
                return
            self._looked_s = now_s
            self.shown = tuple(map(_looked_at, self.shown, self._live))

    def close(self) -> None:
        """Remove what was made to follow running captures."""
        self._opened.close()

    def describe(self) -> dict[str, Any]:
        """Return the head of the page for JSON: traces, lanes and marks; times and values are decimal texts."""
        view = self.view
        return {
            "first": str(view.first_ns),
            "stop": str(view.stop_ns),
            "zero": self.zero,
            "live": any(shown.trace.unfinished for shown in self.shown),
            "traces": [_described(shown) for shown in self.shown],
            "lanes": [self._lane(lane) for lane in self.lanes],
            "marks": list(self._marks()),
            **self.gap_list(),
        }

    def gap_list(self) -> dict[str, Any]:
        """Return the longest gaps in the order of time, and how many there are."""
        found = [
            (gap, source)
            for source, shown in enumerate(self.shown)
            for gap in shown.trace.gaps
            if not gap.holds
        ]
        longest = sorted(found, key=lambda entry: entry[0].t0_ns - entry[0].t1_ns)[:MOST_GAPS]
        listed = [
            {
                "source": source,
                "cause": gap.cause,
                "first": str(gap.t0_ns + self.shown[source].offset_ns),
                "stop": str(gap.t1_ns + self.shown[source].offset_ns),
                "count": str(gap.count),
            }
            for gap, source in sorted(longest, key=lambda it: it[0].t0_ns + self.shown[it[1]].offset_ns)
        ]
        return {"gaps": listed, "gap_count": len(found)}

    def _marks(self) -> Iterator[dict[str, Any]]:
        for source, shown in enumerate(self.shown):
            for mark in shown.trace.marks:
                moment = str(mark.t_ns + shown.offset_ns)
                yield {"source": source, "t": moment, "text": caption.printable(mark.text)}

    def _lane(self, lane: Lane) -> dict[str, Any]:
        signal, register = lane.signal, lane.signal.register
        field = signal.field
        values = () if field is None else tuple(value for value in field.values if value.use != "write")
        low, high = self.shown[lane.source].trace.ranges.get(register.name, (0, (1 << signal.bits) - 1))
        return {
            "source": lane.source,
            "name": caption.printable(signal.name),
            "register": register.name,
            "is_field": field is not None,
            "where": f"{register.type} at {register.place}" if field is None else f"[{field.span}]",
            "bits": signal.bits,
            "kind": _kind(signal),
            "hex": bool(register.fields),
            "height": lane_height(signal),
            "bounds": [str(low), str(high)] if field is None else ["0", str((1 << signal.bits) - 1)],
            "values": [
                [str(value.value), str(value.any_bits), caption.printable(value.name)] for value in values
            ],
            "otherwise": "" if field is None else caption.printable(field.otherwise),
        }


def _signals(traces: Sequence[Trace], names: Sequence[str]) -> list[tuple[int, Signal]]:
    """Return the signals of the traces, each with its trace's number; a name need not be in every trace.

    Raises:
        InputError: A name is in none of them, or ambiguous.
    """
    known = [[name for name in names if bits_called(name, trace.registers)] for trace in traces]
    for name in names:
        if not any(name in its_names for its_names in known):
            find_signal(traces[0], name)  # raises
    return [
        (source, it)
        for source, (trace, its_names) in enumerate(zip(traces, known, strict=True))
        if its_names or not names
        for it in signals_of(trace, its_names)
    ]


def _zero(marks: Sequence[Mark | None], align: str | None) -> str:
    """Return the text of the mark at 0, as far as all traces' marks have it; empty: 0 is the start."""
    texts = {mark.text for mark in marks if mark is not None}
    return caption.cut_name(texts.pop() if len(texts) == 1 else align or "")


def _kind(signal: Signal) -> str:
    field = signal.field
    if field is None:
        return "analogue"
    if signal.has_states:
        return "states"
    return "bit" if field.bits == 1 else "analogue"


def _described(shown: Shown) -> dict[str, Any]:
    trace = shown.trace
    return {
        "name": caption.printable(trace.path.resolve().name),
        "title": caption.title(trace),
        "facts": caption.subtitle(trace, whole_view(trace)),
        "start": format_utc(trace.start.realtime_ns),
        "gaps": [[it.cause, caption.legend_entry(it)] for it in trace.gap_summary if not it.holds],
    }


def _looked_at(shown: Shown, live: LiveTrace) -> Shown:
    if not shown.trace.unfinished:
        return shown
    trace = live.look()
    if _paths(trace) == _paths(shown.trace) and trace.unfinished:
        return shown
    return replace(shown, trace=trace, pages=TracePages(trace, known=shown.pages))


def _paths(trace: Trace) -> list[Path]:
    return [part.path for part in trace.parts]
