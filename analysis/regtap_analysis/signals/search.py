"""Questions about single samples: the value at a moment, the next change, how many changes lie between two moments.

Pages that cannot hold the answer are passed by their bounds; of the others, a call decodes a bounded number of rows and
says where to go on. Signals of one trace are looked at together: a page is decoded once for all that need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.trace.metadata import TIME_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from regtap_analysis.signals.envelope import Times, Values
    from regtap_analysis.signals.model import Signal
    from regtap_analysis.signals.pages import PartPages, TracePages

# Rows that one call decodes, about: a fraction of a second; a row counts once for each signal.
BUDGET_ROWS = 8 << 20


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


def samples_at(pages: TracePages, signals: Sequence[Signal], t_ns: int) -> list[Sample | None]:
    """Return each signal's last sample at or before a moment, None before the first one; one page is decoded."""
    found = parts_before(pages, range(len(pages.parts)) if signals else (), t_ns + 1)
    for number, stop in found:
        rows = _rows(pages.needed(number), stop - 1, signals)
        row = int(rows[TIME_COLUMN].searchsorted(t_ns, side="right")) - 1
        at_ns, last = int(rows[TIME_COLUMN][row]), slice(row, row + 1)
        return [Sample(at_ns, int(signal.pick(rows[signal.register.name][last])[0])) for signal in signals]
    return [None] * len(signals)


def value_at(pages: TracePages, signal: Signal, t_ns: int) -> int | None:
    """Return a signal's value at a moment; None before its first sample."""
    (sample,) = samples_at(pages, [signal], t_ns)
    return None if sample is None else sample.value


def next_change(pages: TracePages, signal: Signal, after_ns: int) -> Found:
    """Return the first sample after a moment with another value than the sample before it."""
    value = value_at(pages, signal, after_ns)
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


def count_changes(
    pages: TracePages,
    signals: Sequence[Signal],
    span_ns: tuple[int, int],
    budget_rows: int | None = None,
) -> list[Count]:
    """Count each signal's changes: samples with another value than the sample before.

    Args:
        pages: The trace.
        signals: The signals to count the changes of.
        span_ns: The stretch: after its first time, up to its second one.
        budget_rows: The number of rows that may be decoded, each counted once for every signal that needs it; None:
            BUDGET_ROWS. One page is decoded at least.

    Raises:
        TraceError: A part is damaged, or has no statistics.
    """
    first_ns, stop_ns = span_ns
    samples = samples_at(pages, signals, first_ns)
    tallies = [
        _Tally(signal, None if sample is None else sample.value)
        for signal, sample in zip(signals, samples, strict=True)
    ]
    left = max(1, BUDGET_ROWS if budget_rows is None else budget_rows)
    for number, first in parts_after(pages, range(len(pages.parts)), first_ns):
        found = pages.needed(number)
        going = [tally for tally in tallies if tally.until_ns is None]
        stop = int(np.searchsorted(found.times[0], np.int64(stop_ns), side="right"))
        left = _PartCount(found, going, range(first, stop)).run(span_ns, left)
        if not going or stop < len(found.index.rows):
            break
    return [Count(it.changes, stop_ns if it.until_ns is None else it.until_ns) for it in tallies]


@dataclass(slots=True)
class _Tally:
    """The changes of one signal so far.

    Attributes:
        signal: The signal.
        value: Its value at the last row that was looked at; None: there was no row yet.
        changes: The number of its changes.
        until_ns: The end of what was counted, where a budget has ended it.
    """

    signal: Signal
    value: int | None
    changes: int = 0
    until_ns: int | None = None

    def add(self, values: Values, inside: npt.NDArray[np.bool_]) -> None:
        """Add the samples of a page, of which some count."""
        self.changes += int((_changes(values, self.value) & inside).sum())
        self.value = int(values[-1])


class _PartCount:
    """Counts the changes of several signals in one part.

    Args:
        found: The part.
        tallies: The signals.
        places: The pages that reach into the stretch.
    """

    def __init__(self, found: PartPages, tallies: Sequence[_Tally], places: range) -> None:
        self._found = found
        self._tallies = tallies
        self._stop = places.stop
        self._bounds = [found.bounds(tally.signal, slice(None))[:2] for tally in tallies]
        # Pages to decode, each with the number of a signal that needs it.
        self._due: list[tuple[int, int]] = []
        for number in range(len(tallies)):
            self._look_for(number, places.start)

    def run(self, span_ns: tuple[int, int], left: int) -> int:
        """Count as far as a number of rows allows; return the rest of it."""
        while self._due:
            page = self._due[0][0]
            numbers = self._take(page)
            if left <= 0:
                for number in numbers:
                    self._tallies[number].until_ns = int(self._found.times[0][page]) - 1
                continue
            needing = [self._tallies[number] for number in numbers]
            rows = _rows(self._found, page, [tally.signal for tally in needing])
            times = rows[TIME_COLUMN]
            inside = (times > span_ns[0]) & (times <= span_ns[1])
            left -= len(times) * len(needing)
            for number, tally in zip(numbers, needing, strict=True):
                tally.add(tally.signal.pick(rows[tally.signal.register.name]), inside)
                self._look_for(number, page + 1)
        return left

    def _look_for(self, number: int, page: int) -> None:
        """Note the next page from `page` on in which a signal may change."""
        found = _next_page(*self._bounds[number], page, self._tallies[number].value)
        if found is not None and found < self._stop:
            heappush(self._due, (found, number))

    def _take(self, page: int) -> list[int]:
        """Return the numbers of the signals that need a page, and forget them."""
        numbers = []
        while self._due and self._due[0][0] == page:
            numbers.append(heappop(self._due)[1])
        return numbers


def _first_ns(found: PartPages, page: int, otherwise_ns: int) -> int:
    """Return the time of a page's first row; the other time if the part has no such page."""
    least, _ = found.times
    return int(least[page]) if page < len(least) else otherwise_ns


def _rows(found: PartPages, page: int, signals: Sequence[Signal]) -> dict[str, npt.NDArray[Any]]:
    return found.decode(np.array([page]), [signal.register.name for signal in signals])


def _page(found: PartPages, page: int, signal: Signal) -> tuple[Times, Values]:
    rows = _rows(found, page, [signal])
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
