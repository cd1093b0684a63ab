"""Makes the rows of a live view from looks at the native loop: rates, recent values, comparison with a snapshot."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from operator import gt
from typing import TYPE_CHECKING, NamedTuple

from regtap.sampling.live import Item
from regtap.watch.spark import SparkLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.maps.naming import Chosen
    from regtap.sampling.live import Activity, Look

_NS_PER_S = 10**9
_RATE_LOOKS = 10  # a rate is of the changes in this many looks: a second, by default


@dataclass(frozen=True, slots=True)
class Line:
    """The register or field of one row of a live view.

    Attributes:
        name: The full name of the register, or of the field that was named.
        item: The register, or a field of it.
        is_part: Whether it is a field that stands below its register.
    """

    name: str
    item: Item
    is_part: bool = False


class Row(NamedTuple):  # made for each register at each look: a third of a frozen dataclass's cost
    """One row of a live view, at one look.

    Attributes:
        line: The register or field of the row.
        activity: Its value and its counts.
        new_changes: Changes since the look before.
        rate_hz: Changes per second over the last looks.
        spark: What the value did in the last looks, in one character a look.
        snapshot: The value in the snapshot; None where there is none.
    """

    line: Line
    activity: Activity
    new_changes: int = 0
    rate_hz: float = 0.0
    spark: str = ""
    snapshot: int | None = None

    @property
    def is_different(self) -> bool:
        """Whether the value differs from the snapshot's; False without a snapshot."""
        return self.snapshot is not None and self.snapshot != self.activity.value


@dataclass(frozen=True, slots=True)
class View:
    """All rows at one look.

    Attributes:
        rows: In the order of the lines.
        elapsed_ns: Time since the loop began.
        taken: Rows that the loop read so far.
        missed: Slots so far in which it could not.
        rate_hz: Rows that the loop read per second, over the last looks.
    """

    rows: tuple[Row, ...]
    elapsed_ns: int
    taken: int
    missed: int
    rate_hz: float


def lines_of(chosen: Sequence[Chosen]) -> tuple[Line, ...]:
    """Return the lines of a selection: one for each register, and below it one for each of its fields."""
    lines: list[Line] = []
    for one in chosen:
        lines.append(Line(one.name, Item(one.register, one.field)))
        if one.field is None:
            lines += [
                Line(f"{one.name}.{field.name}", Item(one.register, field), is_part=True)
                for field in one.register.fields
            ]
    return tuple(lines)


class _Rates:
    """The rates of counters over the last looks.

    Args:
        counters: How many.
    """

    def __init__(self, counters: int) -> None:
        self._none = (0,) * counters
        # The loop begins at 0, with nothing counted.
        self._points: deque[tuple[int, Sequence[int]]] = deque([(0, self._none)], _RATE_LOOKS + 1)

    def add(self, elapsed_ns: int, counts: Sequence[int]) -> list[tuple[float, int]]:
        """Return the rate per second of each counter, and how much it counted since the look before."""
        points = self._points
        if any(map(gt, points[-1][1], counts)):  # the counts began anew, since the last look
            last_ns, _ = points[-1]
            points.clear()
            points.append((last_ns, self._none))
        before = points[-1][1]
        points.append((elapsed_ns, counts))
        begun_ns, first = points[0]
        per_ns = _NS_PER_S / (elapsed_ns - begun_ns) if elapsed_ns > begun_ns else 0.0
        return [
            ((now - then) * per_ns, now - last) for now, then, last in zip(counts, first, before, strict=True)
        ]


class History:
    """Results of earlier looks, for rates and spark lines.

    Args:
        lines: The rows.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = tuple(lines)
        self._rates = _Rates(len(self._lines))
        self._sparks = [SparkLine() for _ in lines]
        self._rows_rate = _Rates(1)
        self._snapshot: tuple[int | None, ...] = (None,) * len(self._lines)

    def add(self, look: Look) -> View:
        """Return the rows for a look, and remember the look."""
        [(rate_hz, _)] = self._rows_rate.add(look.elapsed_ns, [look.taken])
        rates = self._rates.add(look.elapsed_ns, [activity.changes for activity in look.activities])
        columns = zip(self._lines, look.activities, rates, self._sparks, self._snapshot, strict=True)
        rows = tuple(_row(*it) for it in columns)
        return View(rows, look.elapsed_ns, look.taken, look.missed, rate_hz)

    def take_snapshot(self, view: View) -> None:
        """Keep the values of a view as the snapshot that later views are compared with."""
        self._snapshot = tuple(row.activity.value for row in view.rows)

    def with_snapshot(self, view: View) -> View:
        """Return a view with the comparison to the current snapshot."""
        rows = (row._replace(snapshot=was) for row, was in zip(view.rows, self._snapshot, strict=True))
        return replace(view, rows=tuple(rows))

    def drop_snapshot(self) -> None:
        """Compare with nothing any more."""
        self._snapshot = (None,) * len(self._lines)


def _row(
    line: Line, activity: Activity, rate: tuple[float, int], spark: SparkLine, snapshot: int | None
) -> Row:
    rate_hz, new_changes = rate
    recent = "" if activity.value is None else spark.add(*activity.recent)
    return Row(line, activity, new_changes, rate_hz, recent, snapshot)
