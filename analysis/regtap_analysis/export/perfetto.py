"""Perfetto's trace format: counters for values, slices for named values and gaps, instants for marks.

Numbers of fields are those of protos/perfetto/trace/{trace_packet,track_event}/*.proto of the Perfetto project.
"""

from __future__ import annotations

import zlib
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regtap.errors import InputError
from regtap.units.format import count_of
from regtap_analysis.export.options import is_named
from regtap_analysis.export.protobuf import block, long_varints, number, text, varint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.trace.gaps import Gap
    from regtap_analysis.export.options import Selection
    from regtap_analysis.export.waves import Changes

# Trace, TracePacket
_PACKET, _TIMESTAMP, _CLOCK_SNAPSHOT, _SEQUENCE_ID, _TRACK_EVENT = 1, 8, 6, 10, 11
_COMPRESSED, _TRACK_DESCRIPTOR = 50, 60
# TrackDescriptor, TrackEvent
_UUID, _NAME, _PARENT, _COUNTER = 1, 2, 5, 8
_TYPE, _TRACK, _EVENT_NAME, _COUNTER_VALUE = 9, 11, 23, 30
_SLICE_BEGIN, _SLICE_END, _INSTANT, _TYPE_COUNTER = 1, 2, 3, 4
# ClockSnapshot
_CLOCKS, _CLOCK_ID, _CLOCK_TIME = 1, 1, 2
_REALTIME, _MONOTONIC, _MONOTONIC_RAW, _BOOTTIME = 1, 3, 5, 6

_CHUNK_BYTES = 1 << 18
_ROOT, _GAPS, _MARKS, _FIRST_SIGNAL = 1, 2, 3, 10  # numbers of the tracks
_LARGEST = 2**63 - 1  # of a counter: an int64


class PerfettoWriter:
    """Writes packets in compressed chunks; times are CLOCK_BOOTTIME, as in the kernel's own traces.

    Args:
        selection: The exported part of a trace.
        file: The output.

    Raises:
        InputError: A register's values do not fit a counter.
    """

    def __init__(self, selection: Selection, file: IO[bytes]) -> None:
        _check_values(selection)
        self._file = file
        self._start_ns = selection.trace.start.boottime_ns
        self._signals = selection.signals
        self._open = [False] * len(self._signals)
        self._packets = bytearray()
        self._is_named = np.array([is_named(signal) for signal in self._signals], bool)
        self._sequence = number(_SEQUENCE_ID, 1)
        self.lacking: tuple[str, ...] = (
            ("gaps inside counters (they are slices of their own)",) if selection.trace.gaps else ()
        )
        self._describe(selection)

    def changes(self, changes: Changes) -> None:
        """Write counters, and slices for signals with named values."""
        named = self._is_named[changes.signals]
        counted = ~named
        self._add(
            counter_packets(
                changes.times_ns[counted] + self._start_ns,
                changes.signals[counted] + _FIRST_SIGNAL,
                changes.values[counted],
            )
        )
        chosen = (column[named].tolist() for column in (changes.times_ns, changes.signals, changes.values))
        for t_ns, index, value in zip(*chosen, strict=True):
            self._end_slice(index, t_ns)
            field = self._signals[index].field
            name = "" if field is None else field.name_of(value)
            self._begin_slice(_FIRST_SIGNAL + index, t_ns, name or str(value))
            self._open[index] = True

    def gap(self, t_ns: int, gap: Gap) -> None:
        """Write a slice of the gap's length on the track `gaps`; named values end at its start."""
        self.unknown(t_ns, range(len(self._signals)) if not gap.rows else ())
        inside = f" among {count_of(gap.rows, 'row')}" if gap.rows else ""
        name = f"{gap.cause}: {gap.count} absent{inside}" if gap.count else gap.cause
        self._begin_slice(_GAPS, t_ns, name)
        self._event(gap.t1_ns, number(_TYPE, _SLICE_END) + number(_TRACK, _GAPS))

    def unknown(self, t_ns: int, signals: Sequence[int]) -> None:
        """End the named values of some signals; a counter cannot be unknown."""
        for index in signals:
            self._end_slice(index, t_ns)

    def mark(self, t_ns: int, text_: str) -> None:
        """Write an instant on the track `marks`."""
        self._event(t_ns, number(_TYPE, _INSTANT) + number(_TRACK, _MARKS) + text(_EVENT_NAME, text_))

    def close(self, last_ns: int) -> None:
        """End the open slices, and write the rest."""
        for index in range(len(self._signals)):
            self._end_slice(index, last_ns)
        self._flush()

    def abandon(self) -> None:
        """Leave the file to its owner."""

    def _describe(self, selection: Selection) -> None:
        start = selection.trace.start
        clocks = (
            (_REALTIME, start.realtime_ns),
            (_MONOTONIC, start.monotonic_ns),
            (_MONOTONIC_RAW, start.raw_ns),
            (_BOOTTIME, start.boottime_ns),
        )
        snapshot = b"".join(
            block(_CLOCKS, number(_CLOCK_ID, clock) + number(_CLOCK_TIME, t_ns)) for clock, t_ns in clocks
        )
        self._packet(number(_TIMESTAMP, self._start_ns) + block(_CLOCK_SNAPSHOT, snapshot))
        self._track(_ROOT, f"regtap {selection.trace.path.name} ({selection.trace.target})", parent=0)
        if selection.trace.gaps:
            self._track(_GAPS, "gaps")
        if selection.trace.marks:
            self._track(_MARKS, "marks")
        for index, signal in enumerate(self._signals):
            self._track(_FIRST_SIGNAL + index, signal.name, counter=not is_named(signal))

    def _track(self, uuid: int, name: str, *, parent: int = _ROOT, counter: bool = False) -> None:
        described = number(_UUID, uuid) + text(_NAME, name)
        described += number(_PARENT, parent) if parent else b""
        described += block(_COUNTER, b"") if counter else b""
        self._packet(block(_TRACK_DESCRIPTOR, described))

    def _begin_slice(self, track: int, t_ns: int, name: str) -> None:
        self._event(t_ns, number(_TYPE, _SLICE_BEGIN) + number(_TRACK, track) + text(_EVENT_NAME, name))

    def _end_slice(self, index: int, t_ns: int) -> None:
        if self._open[index]:
            self._event(t_ns, number(_TYPE, _SLICE_END) + number(_TRACK, _FIRST_SIGNAL + index))
            self._open[index] = False

    def _event(self, t_ns: int, event: bytes) -> None:
        self._packet(number(_TIMESTAMP, self._start_ns + t_ns) + block(_TRACK_EVENT, event))

    def _packet(self, content: bytes) -> None:
        self._add(block(_PACKET, content + self._sequence))

    def _add(self, packets: bytes) -> None:
        self._packets += packets
        if len(self._packets) >= _CHUNK_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._packets:
            self._file.write(block(_PACKET, block(_COMPRESSED, zlib.compress(bytes(self._packets), 6))))
            self._packets.clear()


def counter_packets(
    times_ns: npt.NDArray[np.int64], tracks: npt.NDArray[np.intp], values: npt.NDArray[np.uint64]
) -> bytes:
    """Return a packet for each value of a counter; all have one length, so that array operations make them.

    Args:
        times_ns: CLOCK_BOOTTIME, shape (packets,).
        tracks: Numbers of the counters, below 2**21, shape (packets,).
        values: Below 2**63, shape (packets,).
    """
    empty = (
        number(_TYPE, _TYPE_COUNTER) + varint(_TRACK << 3) + bytes(3) + varint(_COUNTER_VALUE << 3) + bytes(9)
    )
    head = varint(_TIMESTAMP << 3) + bytes(9)
    model = block(_PACKET, head + block(_TRACK_EVENT, empty) + number(_SEQUENCE_ID, 1))
    packets: npt.NDArray[Any] = np.tile(np.frombuffer(model, np.uint8), (len(times_ns), 1))
    in_event = 2 + len(head) + 2  # after two tags and lengths of a byte each
    track = in_event + len(number(_TYPE, _TYPE_COUNTER) + varint(_TRACK << 3))
    value = in_event + len(empty) - 9
    packets[:, 3:12] = long_varints(times_ns.astype(np.uint64), 9)
    packets[:, track : track + 3] = long_varints(tracks.astype(np.uint64), 3)
    packets[:, value : value + 9] = long_varints(values, 9)
    return packets.tobytes()


def _check_values(selection: Selection) -> None:
    """Raise InputError if a counter would not be exact."""
    for register in selection.registers:
        _, largest = selection.trace.ranges.get(register.name, (0, 2 ** (8 * register.width_bytes) - 1))
        if largest > _LARGEST and selection.trace.rows:
            raise InputError(
                f"{register.name} has values of 2**63 and more (up to {largest:#x}), which Perfetto cannot hold; "
                f"leave it out with --register, or export to .vcd or .parquet"
            )
