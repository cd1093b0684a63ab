"""The facts of one trace: its checked metadata, as rows of the tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import TraceError
from regtap.maps.lookup import NO_MAPS
from regtap.trace.absent import absent_counts
from regtap.trace.reader import open_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from regtap.maps.lookup import Maps
    from regtap.registers.model import Register
    from regtap.trace.absent import AbsentCounts
    from regtap.trace.gaps import Gap
    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace
    from regtap_analysis.catalogue.search import TraceLocation


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """The facts of a trace, from its footers.

    Attributes:
        location: Its name and folder.
        columns: Its columns in their order, and the type of each as numpy names it.
        files: Absolute paths of the parts that have rows, in their order.
        registers: The registers, one for each column.
        ranges: Smallest and largest value of each column that has statistics.
        gaps: Every gap.
        marks: Every mark.
        host: Name of the machine, or empty.
        machine: Its architecture, or empty.
        kernel: Its kernel, or empty.
        target: The target as it was spelled.
        start_ns: CLOCK_REALTIME where `t_ns == 0`.
        first_ns: Time of the first row; None without rows.
        last_ns: Time of the last row; None without rows.
        rows: Number of rows.
        parts: Number of parts.
        size_bytes: Size of all parts.
        rate_hz: Samples per second that were asked for, as text; None for `max`.
        on_full: The reaction to a full ring.
        stores_changes: Whether only rows that differ from the row before were stored.
        ended: Why it ended; None while it is recorded and after it was cut off.
        absent: Samples lost and slots missed.
        counts: Samples or slots absent in gaps, by cause.
        throttled_ns: Time that the loop waited for room.
        error_bound_ns: Largest error of any time.
    """

    location: TraceLocation
    columns: Mapping[str, str]
    files: tuple[str, ...]
    registers: tuple[Register, ...]
    ranges: Mapping[str, tuple[int, int]]
    gaps: tuple[Gap, ...]
    marks: tuple[Mark, ...]
    host: str
    machine: str
    kernel: str
    target: str
    start_ns: int
    first_ns: int | None
    last_ns: int | None
    rows: int
    parts: int
    size_bytes: int
    rate_hz: str | None
    on_full: str
    stores_changes: bool
    ended: str | None
    absent: AbsentCounts
    counts: Mapping[str, int]
    throttled_ns: int
    error_bound_ns: float

    @property
    def name(self) -> str:
        """The trace's name in every table."""
        return self.location.name

    @property
    def missed(self) -> int:
        """Slots due that were never taken."""
        return self.absent.missed

    @property
    def unchanged(self) -> int:
        """Samples that were left out because no value had changed."""
        return self.counts.get("unchanged", 0)

    @property
    def lost(self) -> int:
        """Samples taken and not stored, other than overwritten as asked."""
        return self.absent.lost

    @property
    def rotated(self) -> int:
        """Everything in the parts that the trace has given up."""
        return self.counts.get("rotated", 0)

    @property
    def length_ns(self) -> int | None:
        """Time from the first to the last row; None without rows."""
        return None if self.first_ns is None or self.last_ns is None else self.last_ns - self.first_ns


def read_facts(location: TraceLocation, maps: Maps = NO_MAPS) -> TraceFacts:
    """Open a trace and return what its footers say; no row is read.

    Args:
        location: The trace.
        maps: Describe its registers, where it was recorded without these maps.

    Raises:
        TraceError: It is no trace, or a damaged one.
        RefusedError: The system does not let it be read.
    """
    trace = open_trace(location.path, maps)
    _check_names(trace)
    _check_texts(trace)
    first_ns, last_ns = trace.time_range or (None, None)
    return TraceFacts(
        location=location,
        columns=trace.parts[0].columns,
        files=tuple(str(part.path) for part in trace.parts if part.rows),
        registers=trace.registers,
        ranges=trace.ranges,
        gaps=trace.gaps,
        marks=trace.marks,
        host=_host_text(trace, "hostname"),
        machine=_host_text(trace, "machine"),
        kernel=_host_text(trace, "kernel"),
        target=trace.target,
        start_ns=trace.start.realtime_ns,
        first_ns=first_ns,
        last_ns=last_ns,
        rows=trace.rows,
        parts=len(trace.parts),
        size_bytes=trace.size_bytes,
        rate_hz=trace.mode.rate_hz,
        on_full=trace.mode.on_full,
        stores_changes=bool(trace.mode.on_change),
        ended=None if trace.unfinished or trace.totals is None else trace.totals.ended,
        absent=absent_counts(trace),
        counts=_counts(trace.gaps),
        throttled_ns=sum(gap.t1_ns - gap.t0_ns for gap in trace.gaps if gap.cause == "throttled"),
        error_bound_ns=float(trace.error_bound_ns),
    )


def _counts(gaps: Iterable[Gap]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for gap in gaps:
        counts[gap.cause] += gap.count
    return counts


def _check_names(trace: Trace) -> None:
    """Raise TraceError if two columns have one name in SQL."""
    seen: dict[str, str] = {}
    for name in trace.columns:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise TraceError(
                f"{trace.path}: registers {other} and {name} differ in case only; SQL cannot tell them apart"
            )


def _host_text(trace: Trace, key: str) -> str:
    return str(trace.host.get(key, ""))


def _check_texts(trace: Trace) -> None:
    """Raise TraceError if a text has half of a surrogate pair, which no other file can store."""
    described = (
        text for it in trace.registers for text in (it.description, it.read_effect, *_field_texts(it))
    )
    marks = (mark.text for mark in trace.marks)
    host = (_host_text(trace, key) for key in ("hostname", "machine", "kernel"))
    try:
        "".join([trace.target, *described, *marks, *host]).encode()
    except UnicodeEncodeError as error:
        raise TraceError(f"{trace.path}: its regtap metadata is damaged (a text is not Unicode)") from error


def _field_texts(register: Register) -> Iterator[str]:
    for field in register.fields:
        yield from (field.name, field.description, field.otherwise, *(it.name for it in field.values))
