"""The trace's metadata: one JSON document under the key `regtap` of every Parquet part.

Columns of a part: `t_ns` int64, then one column for each register in its own unsigned type, then
`latency_ns` uint32 where it was asked for; all non-nullable, sorted by `t_ns`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from regtap.errors import TraceError
from regtap.registers.model import Field, Register
from regtap.trace.gaps import Gap
from regtap.trace.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Mapping

# 1: first version.
FORMAT_VERSION = 1
METADATA_KEY = b"regtap"
TIME_COLUMN = "t_ns"
LATENCY_COLUMN = "latency_ns"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that the user named while recording."""

    t_ns: int
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

    ticks: int
    raw_ns: int
    realtime_ns: int
    uncertainty_ns: float


@dataclass(frozen=True, slots=True)
class ClockInfo:
    """Where `t_ns` comes from and how far it may be off CLOCK_MONOTONIC_RAW.

    Attributes:
        source: `tsc`, `cntvct` or `monotonic_raw`.
        frequency_hz: Ticks per second over the anchors of this part.
        error_bound_ns: Largest error of any `t_ns` of this part.
        anchors: The readings between which this part's times are interpolated.
    """

    source: str
    frequency_hz: float
    error_bound_ns: float
    anchors: tuple[Anchor, ...] = ()


@dataclass(frozen=True, slots=True)
class StartTimes:
    """The moment `t_ns == 0` on the system's clocks (so that dmesg and ftrace line up)."""

    realtime_ns: int
    monotonic_ns: int
    boottime_ns: int
    raw_ns: int


@dataclass(frozen=True, slots=True)
class Mode:
    """How the capture was asked to run.

    Attributes:
        rate_hz: Samples per second as a fraction such as `10000` or `1/3`; None for `max`.
        on_full: `wait`, `discard`, `stop` or `overwrite`.
        latency: Whether `latency_ns` was recorded.
        keep_ns: What a flight recorder was to keep; None: all that its spool holds.
    """

    rate_hz: str | None
    on_full: str
    latency: bool = False
    keep_ns: int | None = None


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
    part: int
    first_index: int
    gaps: tuple[Gap, ...] = ()
    marks: tuple[Mark, ...] = ()
    totals: Totals | None = None
    next_block: int | None = None
    format_version: int = field(default=FORMAT_VERSION)

    def to_json(self) -> bytes:
        """Return the document that is stored under METADATA_KEY."""
        document = asdict(self)
        document["gaps"] = [[g.first_index, g.count, g.t0_ns, g.t1_ns, g.cause] for g in self.gaps]
        document["marks"] = [[mark.t_ns, mark.text] for mark in self.marks]
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes, where: str) -> PartMetadata:
        """Parse a part's document.

        Raises:
            TraceError: It is not such a document, or of a version that this regtap does not know.
        """
        try:
            document = json.loads(text)
            version = document["format_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise TraceError(f"{where}: its regtap metadata cannot be read ({error})") from error
        if version != FORMAT_VERSION:
            raise TraceError(
                f"{where}: trace format {version}; this regtap reads {FORMAT_VERSION}: upgrade it"
            )
        try:
            return cls(**_parsed(document))
        except (KeyError, TypeError, ValueError) as error:
            raise TraceError(f"{where}: its regtap metadata is damaged ({error})") from error


def _parsed(document: dict[str, Any]) -> dict[str, Any]:
    clock = dict(document["clock"])
    clock["anchors"] = tuple(Anchor(**anchor) for anchor in clock["anchors"])
    totals = document["totals"]
    return {
        **document,
        "registers": tuple(_register(entry) for entry in document["registers"]),
        "mode": Mode(**document["mode"]),
        "clock": ClockInfo(**clock),
        "start": StartTimes(**document["start"]),
        "gaps": tuple(Gap(*entry) for entry in document["gaps"]),
        "marks": tuple(Mark(*entry) for entry in document["marks"]),
        "totals": None if totals is None else Totals(**totals),
    }


def _register(entry: dict[str, Any]) -> Register:
    fields = tuple(Field(**part) for part in entry["fields"])
    return Register(**{**entry, "fields": fields})
