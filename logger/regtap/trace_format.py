"""The trace's metadata: one JSON document under the key `regtap` of every Parquet part.

Columns of a part: `t_ns` int64, then one column for each register in its own unsigned type, then
`latency_ns` uint32 where it was asked for; all non-nullable, sorted by `t_ns`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping  # noqa: TC003 - decode() reads the annotations
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any

from regtap.documents.decoding import LISTED, Matching, Within, decode
from regtap.documents.json_text import Limits, load_json
from regtap.errors import TraceError
from regtap.registers import Field, Register, Value  # noqa: TC001 - likewise
from regtap.units import quoted

# 1: first version.
# 2: a gap may have rows inside, as its sixth number. Registers and fields may have more members: access, reset,
#    volatile, effects, names of values; a member that is as it would be without being said is left out.
FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)
METADATA_KEY = b"regtap"
TIME_COLUMN = "t_ns"
LATENCY_COLUMN = "latency_ns"
SPOOL_POINTER = "_spool"
_PART = re.compile(r"part-(\d{5,})\.parquet\Z")
_HALF_WRITTEN = re.compile(r"\.part-\d{5,}\.tmp\Z")

# A part is closed at 10,000 gaps, or after a minute, whatever the marks.
_LIMITS = Limits(size_bytes=32 << 20, containers=1 << 19)
LARGEST = 1 << 62  # of counts, times and ticks: sums and differences of two stay within 64 bits

Count = Annotated[int, Within(0, LARGEST)]
TimeNs = Annotated[int, Within(-LARGEST, LARGEST)]
Uncertainty = Annotated[float, Within(0, LARGEST)]
Word = Annotated[str, Matching("[a-z][a-z_]{0,31}")]

CAUSES = ("full", "missed", "throttled", "fault", "writer", "overwritten")


def part_name(number: int) -> str:
    """Return what the part of that number is called in its folder."""
    return f"part-{number:05d}.parquet"


def part_number(name: str) -> int | None:
    """Return the number of the part that is called so; None if it is no part's name."""
    match = _PART.match(name)
    return int(match[1]) if match else None


def half_written_name(number: int) -> str:
    """Return what a part is called until it is complete."""
    return f".part-{number:05d}.tmp"


def is_half_written(name: str) -> bool:
    """Return whether a part that is not complete is called so."""
    return bool(_HALF_WRITTEN.match(name))


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where samples are absent, or where the loop paused.

    Attributes:
        first_index: Index of the first absent sample (`--rate max`) or slot (paced).
        count: How many are absent; 0 for `throttled`, where the loop only waited.
        t0_ns: Time of the last event before the gap, in ns since the start of the trace.
        t1_ns: Time at which sampling resumed, for the last time where there are rows inside.
        cause: One of CAUSES; `writer`: samples that were taken, but could not be stored (a damaged block of a
            spool that was recovered); `overwritten`: samples older than what a flight recorder keeps.
        rows: Rows that are stored inside the gap. Where missed slots come thick, one gap stands for many runs of
            them: of `count + rows` slots from `first_index` on, `count` were missed, and the rows' own times tell
            which were not.
    """

    first_index: Count
    count: Count
    t0_ns: TimeNs
    t1_ns: TimeNs
    cause: Word
    rows: Count = 0

    @property
    def absent_ns(self) -> int:
        """Time without samples: its span, less the share of the rows inside."""
        span_ns = self.t1_ns - self.t0_ns
        return span_ns * self.count // (self.count + self.rows) if self.rows else span_ns


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that the user named while recording."""

    t_ns: TimeNs
    text: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """One reading of the tick counter beside the system clocks.

    Attributes:
        ticks: Raw counter.
        raw_ns: CLOCK_MONOTONIC_RAW.
        realtime_ns: CLOCK_REALTIME.
        uncertainty_ns: Half of the time that the reading took: the clocks were read somewhere in it.
    """

    ticks: Count
    raw_ns: Count
    realtime_ns: Count
    uncertainty_ns: Uncertainty


@dataclass(frozen=True, slots=True)
class ClockInfo:
    """Where `t_ns` comes from and how far it may be off CLOCK_MONOTONIC_RAW.

    Attributes:
        source: `tsc`, `cntvct` or `monotonic_raw`.
        frequency_hz: Ticks per second over the anchors of this part.
        error_bound_ns: Largest error of any `t_ns` of this part.
        anchors: The readings between which this part's times are interpolated.
    """

    source: Word
    frequency_hz: Annotated[float, Within(1, 1e12)]
    error_bound_ns: Uncertainty
    anchors: tuple[Anchor, ...] = ()


@dataclass(frozen=True, slots=True)
class StartTimes:
    """The moment `t_ns == 0` on the system's clocks (so that dmesg and ftrace line up)."""

    realtime_ns: Count
    monotonic_ns: Count
    boottime_ns: Count
    raw_ns: Count


@dataclass(frozen=True, slots=True)
class Mode:
    """How the capture was asked to run.

    Attributes:
        rate_hz: Samples per second as a fraction such as `10000` or `1/3`; None for `max`.
        on_full: `wait`, `discard`, `stop` or `overwrite`.
        latency: Whether `latency_ns` was recorded.
        keep_ns: What a flight recorder was to keep; None: all that its spool holds.
    """

    rate_hz: Annotated[str, Matching("[1-9][0-9]{0,17}(/[1-9][0-9]{0,17})?")] | None
    on_full: Word
    latency: bool = False
    keep_ns: Count | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The balance of a whole capture, in its last part only.

    At `--rate max`: `taken == stored + lost`; paced: `due == stored + lost + missed`.

    Attributes:
        ended: Why it ended: `duration`, `samples`, `stopped`, `full`, `fault` or `writer`; `recovered`: it was cut
            off, by a kill or by a disk that refused, and completed from its spool by `regtap recover`.
        due: Slots due (paced), or None at `--rate max`.
        taken: Samples that the loop took.
        stored: Rows of the trace.
        lost: Samples taken and not stored.
        missed: Slots never taken.
        throttled_ns: Time that the loop waited for room.
        overwritten: Of the lost ones, those that a flight recorder was asked to forget.
    """

    ended: Word
    due: Count | None
    taken: Count
    stored: Count
    lost: Count
    missed: Count
    throttled_ns: Count = 0
    overwritten: Count = 0

    @property
    def balanced(self) -> bool:
        """Whether the conservation rule holds, exactly."""
        if self.due is None:
            return self.taken == self.stored + self.lost
        return self.due == self.stored + self.lost + self.missed

    def line(self, rest: str = "") -> str:
        """Return the conservation rule with its numbers, such as `taken 12 = stored 10 + lost 2`.

        Args:
            rest: What became of samples that are neither stored nor lost, such as `unwritten`; empty where there
                are none.
        """
        whole = f"taken {self.taken:,}" if self.due is None else f"due {self.due:,}"
        overwritten = f" ({self.overwritten:,} overwritten)" if self.overwritten else ""
        missed = "" if self.due is None else f" + missed {self.missed:,}"
        kept = f" + {self.taken - self.stored - self.lost:,} {rest}" if rest else ""
        return f"{whole} = stored {self.stored:,} + lost {self.lost:,}{overwritten}{missed}{kept}"


@dataclass(frozen=True, slots=True)
class PartMetadata:
    """All that a part says about itself; see to_json for the document.

    Attributes:
        first_index: Index of the first sample, slot or gap in it.
        totals: The balance, in the last part only.
        next_block: Sequence number of the spool's first block that is in no part up to this one; with it a
            recovery takes up where the parts end.
    """

    registers: tuple[Register, ...]
    target: str
    mode: Mode
    clock: ClockInfo
    start: StartTimes
    host: Mapping[str, Any]
    part: Count
    first_index: Count
    gaps: tuple[Annotated[Gap, LISTED], ...] = ()
    marks: tuple[Annotated[Mark, LISTED], ...] = ()
    totals: Totals | None = None
    next_block: Count | None = None
    format_version: int = field(default=FORMAT_VERSION)

    def to_json(self) -> bytes:
        """Return the document that is stored under METADATA_KEY."""
        document = asdict(self)
        document["registers"] = [_without_defaults(register) for register in self.registers]
        document["gaps"] = [_gap_entry(gap) for gap in self.gaps]
        document["marks"] = [[mark.t_ns, mark.text] for mark in self.marks]
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes, where: str) -> PartMetadata:
        """Parse a part's document.

        Raises:
            TraceError: It is not such a document, or of a version that this regtap does not know.
        """
        try:
            document = load_json(text, _LIMITS)
            version = document["format_version"] if isinstance(document, dict) else None
            if version is None:
                raise ValueError("it names no format_version")
        except (ValueError, KeyError) as error:
            raise TraceError(f"{where}: its regtap metadata cannot be read ({error})") from error
        if version not in READABLE_VERSIONS:
            raise TraceError(
                f"{where}: trace format {shown(version)}; this regtap reads up to {FORMAT_VERSION}: upgrade it"
            )
        try:
            metadata = decode(cls, document)
            _check_fields(metadata.registers)
        except ValueError as error:
            raise TraceError(f"{where}: its regtap metadata is damaged ({error})") from error
        return metadata


def _gap_entry(gap: Gap) -> list[int | str]:
    entry: list[int | str] = [gap.first_index, gap.count, gap.t0_ns, gap.t1_ns, gap.cause]
    return [*entry, gap.rows] if gap.rows else entry


def shown(value: object) -> str:
    """Return a value of a document, of bearable length, for a message."""
    return quoted(value) if isinstance(value, str) else quoted(str(value))[1:-1]


def _without_defaults(described: Register | Field | Value) -> dict[str, Any]:
    """Return a description for JSON, as short as it can be: a part repeats it."""
    members: dict[str, Any] = {}
    for it in fields(described):
        content = getattr(described, it.name)
        if content == it.default:
            continue
        is_nested = isinstance(content, tuple)
        members[it.name] = [_without_defaults(part) for part in content] if is_nested else content
    return members


def _check_fields(registers: tuple[Register, ...]) -> None:
    for register in registers:
        for it in register.fields:
            if it.lsb < 0 or it.bits < 1 or it.lsb + it.bits > 8 * register.width_bytes:
                raise ValueError(f"a field of {quoted(register.name)} lies outside of it")
