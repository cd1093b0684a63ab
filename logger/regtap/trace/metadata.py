"""The trace's metadata: one JSON document under the key `regtap` of every Parquet part.

Columns of a part: `t_ns` int64, then one column for each register in its own unsigned type, then
`latency_ns` uint32 where it was asked for; all non-nullable, sorted by `t_ns`.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping  # noqa: TC003 - decode() reads the annotations
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from regtap.documents.decoding import LISTED, Matching, Within, decode
from regtap.documents.json_text import Limits, load_json
from regtap.documents.text import shown
from regtap.errors import TraceError
from regtap.registers.document import without_defaults
from regtap.registers.model import Register  # noqa: TC001 - decode() reads the annotations
from regtap.trace.gaps import Gap  # noqa: TC001 - decode() reads the annotations
from regtap.trace.ranges import Count, TimeNs, Uncertainty, Word  # noqa: TC001 - decode() reads the annotations
from regtap.trace.rotation import Rotated  # noqa: TC001 - decode() reads the annotations
from regtap.trace.totals import Totals  # noqa: TC001 - decode() reads the annotations
from regtap.units.parse import quoted

# 1: first version.
# 2: a gap may have rows inside, as its sixth number. Registers and fields may have more members: access, reset,
#    volatile, effects, names of values; a member that is as it would be without being said is left out. A trace may
#    begin with a later part than 0: `rotated` of its last part says what was before. The mode may have a trigger.
#    `command` is left out where no command line made the capture.
FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)
METADATA_KEY = b"regtap"
TIME_COLUMN = "t_ns"
LATENCY_COLUMN = "latency_ns"

# A part is closed at 10,000 gaps, or after a minute, whatever the marks.
_LIMITS = Limits(size_bytes=32 << 20, containers=1 << 19)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a text that the user set during the capture."""

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
    """The clock of `t_ns`: its source, its anchors, and its largest distance from CLOCK_MONOTONIC_RAW.

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


class OnFull(enum.StrEnum):
    """The behaviour of a capture when the ring is full."""

    WAIT = "wait"  # pause
    DISCARD = "discard"  # drop the newest samples and count them
    STOP = "stop"
    OVERWRITE = "overwrite"  # a flight recorder: drop the oldest


@dataclass(frozen=True, slots=True)
class TriggerMode:
    """The stretches that a capture with a trigger was asked to store.

    Attributes:
        expression: The trigger's expression.
        pre_ns: Before the first hit of a stretch.
        post_ns: After the last one.
        holdoff_ns: For so long after a hit further ones were counted only.
    """

    expression: str
    pre_ns: Count
    post_ns: Count
    holdoff_ns: Count = 0


@dataclass(frozen=True, slots=True)
class Mode:
    """How the capture was asked to run.

    Attributes:
        rate_hz: Samples per second as a fraction such as `10000` or `1/3`; None for `max`.
        on_full: One of OnFull; a later version may know more.
        latency: Whether `latency_ns` was recorded.
        keep_ns: The time that a flight recorder was to keep; None: all that its spool holds.
        keep_parts: Number of last parts that the capture keeps; None: any number.
        keep_bytes: Size of last parts that the capture keeps; None: any size.
        on_change: Registers and fields whose changes are stored; `*`: any register; empty: every row is stored.
        heartbeat_ns: How often a row is stored at least, of a capture of changes; None: no matter.
        trigger: What was stored by itself; None: there was no trigger.
    """

    rate_hz: Annotated[str, Matching("[1-9][0-9]{0,17}(/[1-9][0-9]{0,17})?")] | None
    on_full: Word
    latency: bool = False
    keep_ns: Count | None = None
    keep_parts: Count | None = None
    keep_bytes: Count | None = None
    trigger: TriggerMode | None = None
    on_change: tuple[str, ...] = ()
    heartbeat_ns: Count | None = None

    @property
    def rotates(self) -> bool:
        """Whether old parts are given up."""
        return self.keep_parts is not None or self.keep_bytes is not None

    @property
    def overwrites(self) -> bool:
        """Whether samples that nobody asked for were overwritten."""
        return self.on_full == OnFull.OVERWRITE or self.trigger is not None


def trigger_mark(expression: str) -> str:
    """Return the text of the mark at each hit of a trigger."""
    return f"trigger: {expression}"


@dataclass(frozen=True, slots=True)
class PartMetadata:
    """Metadata of a part, stored in the Parquet key `regtap`.

    Attributes:
        first_index: Index of the first sample, slot or gap in it.
        totals: The balance, in the last part only.
        next_block: Sequence number of the spool's first block that is in no part up to this one; with it a
            recovery takes up where the parts end.
        rotated: What the trace has given up, up to this part; None: nothing.
        command: The command line that made the capture, such as `regtap record ...`, word by word; empty: a program
            made it through the Python interface.
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
    rotated: Rotated | None = None
    command: tuple[str, ...] = ()
    format_version: int = field(default=FORMAT_VERSION)

    def to_json(self) -> bytes:
        """Return the JSON document for the key METADATA_KEY."""
        document = asdict(self)
        document["registers"] = [without_defaults(register) for register in self.registers]
        document["gaps"] = [_gap_entry(gap) for gap in self.gaps]
        document["marks"] = [[mark.t_ns, mark.text] for mark in self.marks]
        if self.rotated is None:
            del document["rotated"]
        if not self.command:
            del document["command"]
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


def _check_fields(registers: tuple[Register, ...]) -> None:
    for register in registers:
        for it in register.fields:
            if it.lsb < 0 or it.bits < 1 or it.lsb + it.bits > 8 * register.width_bytes:
                raise ValueError(f"a field of {quoted(register.name)} lies outside of it")
