"""Questions about single samples: the value at a moment, the next change, how many changes lie between two moments.

Pages that cannot hold the answer are passed by their bounds; of the others, a call decodes a bounded number of rows and
says where to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.trace.metadata import TIME_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from regtap_analysis.signals.envelope import Times, Values
    from regtap_analysis.signals.model import Signal
    from regtap_analysis.signals.pages import PartPages, TracePages

BUDGET_ROWS = 8 << 20  # that one call decodes, about: a fraction of a second


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a signal."""

    t_ns: int
    value: int


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search.

    Attributes:
        t_ns: The time of the row found, or None.
        resume_ns: The time at which to continue a search that stopped before its end; None: it reached its end.
    """

    t_ns: int | None = None
    resume_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many changes lie in a stretch of time.

    Attributes:
        changes: The number of samples that differ from the one before, as far as was counted.
        until_ns: The end of the stretch that was counted.
    """

    changes: int
    until_ns: int


def sample_at(pages: TracePages, signal: Signal, t_ns: int) -> Sample | None:
    """Return the last sample at or before a moment; None before the first one."""
    for number, stop in parts_before(pages, range(len(pages.parts)), t_ns + 1):
        times, values = _page(pages.needed(number), stop - 1, signal)
        row = int(times.searchsorted(t_ns, side="right")) - 1
        return Sample(int(times[row]), int(values[row]))
    return None


def next_change(pages: TracePages, signal: Signal, after_ns: int) -> Found:
    """Return the first sample after a moment with another value than the sample before it."""
    before = sample_at(pages, signal, after_ns)
    value = None if before is None else before.value
    left = BUDGET_ROWS
    for number, first in parts_after(pages, range(len(pages.parts)), after_ns):
        found = pages.needed(number)
        low, high, _ = found.bounds(signal, slice(None))
        at = first
        while (page := _next_page(low, high, at, value)) is not None:
            if left <= 0:
                return Found(resume_ns=int(found.times[0][page]) - 1)
            times, values = _page(found, page, signal)
            left -= len(times)
            changed = _changes(values, value) & (times > after_ns)
            if changed.any():
                row = int(changed.argmax())
                return Found(int(times[row]))
            value = int(values[-1])
            at = page + 1
    return Found()


def previous_change(pages: TracePages, signal: Signal, before_ns: int) -> Found:
    """Return the last sample before a moment with another value than the sample before it."""
    left = BUDGET_ROWS
    following: Sample | None = None  # the first sample of what was looked at: is it a change?
    for number, stop in parts_before(pages, range(len(pages.parts)), before_ns):
        found = pages.needed(number)
        low, high, _ = found.bounds(signal, slice(None))
        page = stop
        while page > 0:
            page -= 1
            if following is not None and low[page] == high[page] == following.value:
                page = _previous_page(low, high, page, following.value)
                following = Sample(_first_ns(found, page + 1, following.t_ns), following.value)
            if left <= 0:
                # The first sample of what was looked at may be a change: it has to be looked at again.
                latest_ns = int(found.times[1][page]) if following is None else following.t_ns
                return Found(resume_ns=latest_ns + 1)
            times, values = _page(found, page, signal)
            left -= len(times)
            stop_row = int(times.searchsorted(before_ns))
            if not stop_row:
                continue
            if following is not None and values[stop_row - 1] != following.value:
                return Found(following.t_ns)
            changed = np.flatnonzero(values[1:stop_row] != values[: stop_row - 1])
            if len(changed):
                row = int(changed[-1]) + 1
                return Found(int(times[row]))
            following = Sample(int(times[0]), int(values[0]))
    return Found()


def count_changes(pages: TracePages, signal: Signal, first_ns: int, stop_ns: int) -> Count:
    """Count the changes after first_ns, up to stop_ns: samples with another value than the sample before."""
    before = sample_at(pages, signal, first_ns)
    value = None if before is None else before.value
    changes, left = 0, BUDGET_ROWS
    for number, first in parts_after(pages, range(len(pages.parts)), first_ns):
        found = pages.needed(number)
        low, high, _ = found.bounds(signal, slice(None))
        stop = int(np.searchsorted(found.times[0], np.int64(stop_ns), side="right"))
        at = first
        while (page := _next_page(low, high, at, value)) is not None and page < stop:
            if left <= 0:
                return Count(changes, int(found.times[0][page]) - 1)
            times, values = _page(found, page, signal)
            left -= len(times)
            inside = (times > first_ns) & (times <= stop_ns)
            changes += int((_changes(values, value) & inside).sum())
            value = int(values[-1])
            at = page + 1
        if stop < len(low):
            break
    return Count(changes, stop_ns)


def _first_ns(found: PartPages, page: int, otherwise_ns: int) -> int:
    """Return the time of a page's first row; the other time if the part has no such page."""
    least, _ = found.times
    return int(least[page]) if page < len(least) else otherwise_ns


def _page(found: PartPages, page: int, signal: Signal) -> tuple[Times, Values]:
    rows = found.decode(np.array([page]), [signal.register.name])
    return rows[TIME_COLUMN], signal.pick(rows[signal.register.name])


def _changes(values: Values, before: int | None) -> npt.NDArray[np.bool_]:
    changed: npt.NDArray[np.bool_] = np.full(len(values), False)
    changed[1:] = values[1:] != values[:-1]
    changed[0] = before is not None and int(values[0]) != before
    return changed


def _next_page(low: Values, high: Values, page: int, value: int | None) -> int | None:
    """Return the first page from `page` on with bounds that allow another value; None: there is none."""
    if page >= len(low):
        return None
    if value is None:
        return page
    unlike = low.dtype.type(value)
    other = (low[page:] != unlike) | (high[page:] != unlike)
    return page + int(other.argmax()) if other.any() else None


def _previous_page(low: Values, high: Values, page: int, value: int) -> int:
    """Return the last page up to `page` with bounds that allow another value, otherwise the first page."""
    unlike = low.dtype.type(value)
    other = np.flatnonzero((low[: page + 1] != unlike) | (high[: page + 1] != unlike))
    return int(other[-1]) if len(other) else 0


def parts_after(pages: TracePages, numbers: Sequence[int], after_ns: int) -> Iterator[tuple[int, int]]:
    """Yield each of some parts with rows after a moment, and its first page with such a row."""
    for number in numbers:
        held = pages.parts[number].ranges.get(TIME_COLUMN)
        if held is not None and held[1] <= after_ns:
            continue  # its index need not be read
        _, most = pages.needed(number).times
        first = int(np.searchsorted(most, np.int64(after_ns), side="right"))
        if first < len(most):
            yield number, first


def parts_before(pages: TracePages, numbers: Sequence[int], before_ns: int) -> Iterator[tuple[int, int]]:
    """Yield each of some parts with rows before a moment, the last part first, and the page after their last one."""
    for number in reversed(numbers):
        held = pages.parts[number].ranges.get(TIME_COLUMN)
        if held is not None and held[0] >= before_ns:
            continue
        least, _ = pages.needed(number).times
        stop = int(np.searchsorted(least, np.int64(before_ns)))
        if stop:
            yield number, stop
