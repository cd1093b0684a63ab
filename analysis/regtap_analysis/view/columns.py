"""The data of the page as bytes: a JSON head, then arrays in the layout of JavaScript's typed arrays.

Layout: uint32 size of the head, the head padded with spaces to a multiple of 8, then the arrays, each at a multiple of
8 from the end of the head; all little-endian. The head names each array's place, type and length.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap_analysis.plot.spans import gap_density
from regtap_analysis.signals.breaks import Breaks, unknown_gaps
from regtap_analysis.signals.model import Samples, View
from regtap_analysis.signals.pyramid import read_view
from regtap_analysis.signals.search import samples_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from regtap_analysis.signals.envelope import Envelope
    from regtap_analysis.signals.model import Signal
    from regtap_analysis.signals.pages import TracePages
    from regtap_analysis.signals.search import Sample
    from regtap_analysis.view.session import Lane, Session, Shown

    Array = npt.NDArray[Any]

# Rows decoded for each trace, by the page's effort: at once, and when it stands still.
BUDGETS = {"1": 5 << 20, "2": 48 << 20}
_HEAD_ALIGN = 8


class Packer:
    """Arrays one after the other, with the offset of each."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._at = 0

    def add(self, array: Array) -> list[Any]:
        """Add an array; return its place, type and length for the head."""
        data = np.ascontiguousarray(array).tobytes()
        place = [self._at, array.dtype.name, len(array)]
        self._pieces.append(data + bytes(-len(data) % 8))
        self._at += len(self._pieces[-1])
        return place

    def pack(self, head: dict[str, Any]) -> bytes:
        """Return head and arrays."""
        text = json.dumps(head, separators=(",", ":")).encode()
        text += b" " * (-(len(text) + 4) % _HEAD_ALIGN)
        return b"".join([len(text).to_bytes(4, "little"), text, *self._pieces])


def head_of(content: bytes) -> dict[str, Any]:
    """Return the head of what `Packer.pack` has made."""
    head: dict[str, Any] = json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])
    return head


def columns_of(
    session: Session, lanes: Sequence[Lane], view: View, columns: int, budget_rows: int | None
) -> bytes:
    """Return lanes and gaps over a view, reduced to columns.

    Args:
        session: The traces.
        lanes: The lanes to show.
        view: The stretch on the common axis.
        columns: The number of columns that the page has for it.
        budget_rows: The number of rows that may be decoded for each trace; see `read_view`.

    Raises:
        TraceError: A part is damaged.
    """
    packer = Packer()
    shown = session.shown
    entries: dict[int, dict[str, Any]] = {}
    for source, trace in enumerate(shown):
        mine = [lane for lane in lanes if lane.source == source]
        if not mine:
            continue
        own = View(view.first_ns - trace.offset_ns, view.stop_ns - trace.offset_ns)
        holding = {lane.signal: lane.signal.holds(trace.trace.mode.on_change) for lane in mine}
        breaks = {held: Breaks(unknown_gaps(trace.trace, is_held=held)) for held in set(holding.values())}
        reading = read_view(trace.pages, [lane.signal for lane in mine], own, columns, budget_rows)
        held = _with_earlier(trace.pages, reading.signals, own)
        for lane in mine:
            arrays = _arrays(packer, held[lane.signal], own, breaks[holding[lane.signal]])
            entries[lane.number] = {"rows": reading.rows, "arrays": arrays}
    head = {
        "first": str(view.first_ns),
        "stop": str(view.stop_ns),
        "lanes": [{"lane": lane.number, **entries[lane.number]} for lane in lanes],
        "gaps": [
            gap for source, it in enumerate(shown) for gap in _gaps(packer, source, it, (view, columns))
        ],
    }
    return packer.pack(head)


def _with_earlier(
    pages: TracePages, held: Mapping[Signal, Samples | Envelope], view: View
) -> dict[Signal, Samples | Envelope]:
    """Return signals over a view; samples begin with the one before the view, whose value holds into it."""
    sampled = {signal: data for signal, data in held.items() if isinstance(data, Samples)}
    before = zip(sampled, samples_at(pages, list(sampled), view.first_ns - 1), strict=True)
    begun = {signal: _begun(sampled[signal], sample) for signal, sample in before if sample is not None}
    return {**held, **begun}


def _begun(data: Samples, before: Sample) -> Samples:
    """Return samples that begin with an earlier one."""
    value = np.array([before.value], data.values.dtype)
    return Samples(np.append(before.t_ns, data.times_ns), np.concatenate([value, data.values]))


def _arrays(packer: Packer, data: Samples | Envelope, view: View, breaks: Breaks) -> dict[str, list[Any]]:
    if isinstance(data, Samples):
        times = (data.times_ns - view.first_ns).astype(np.float64)
        broken = breaks.between(data.times_ns, np.append(data.times_ns[1:], view.stop_ns)).astype(np.uint8)
        return {"times": packer.add(times), "values": packer.add(data.values), "broken": packer.add(broken)}
    filled = data.count > 0
    low = np.where(filled, data.low, data.low.dtype.type(0))
    state = filled.astype(np.uint8) + (data.mixed & filled)
    arrays = {"low": low, "high": data.high, "last": data.last, "state": state}
    return {name: packer.add(array) for name, array in arrays.items()}


def _gaps(packer: Packer, source: int, shown: Shown, place: tuple[View, int]) -> list[dict[str, Any]]:
    view, columns = place
    own = View(view.first_ns - shown.offset_ns, view.stop_ns - shown.offset_ns)
    found = []
    for summary in (it for it in shown.trace.gap_summary if not it.holds):
        gaps = [gap for gap in shown.trace.gaps if gap.cause == summary.cause]
        density = gap_density(gaps, own, columns).astype(np.float32)
        breaks = gap_density([gap for gap in gaps if not gap.rows], own, columns) > 0  # as Breaks has it
        arrays = {"density": packer.add(density), "breaks": packer.add(breaks.astype(np.uint8))}
        found.append({"source": source, "cause": summary.cause, **arrays})
    return found
