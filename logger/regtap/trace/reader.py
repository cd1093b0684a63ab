"""Reads a trace: its metadata, and its rows batch by batch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regtap.errors import InputError
from regtap.maps.annotate import annotated
from regtap.maps.lookup import NO_MAPS
from regtap.trace.arrow import load_arrow
from regtap.trace.files import SPOOL_POINTER
from regtap.trace.gaps import Gap, GapSummary, summarise_gaps
from regtap.trace.metadata import TIME_COLUMN, ClockInfo, Mark, Mode, PartMetadata, StartTimes
from regtap.trace.parts import Part, check_parts, open_parts, opened_parts, read_part, read_rows
from regtap.units.format import count_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    import pyarrow.dataset as ds

    from regtap.maps.lookup import Maps
    from regtap.registers.model import Register
    from regtap.trace.rotation import Rotated
    from regtap.trace.totals import Totals

_FIRST_NS, _LAST_NS = -(2**63), 2**63 - 1  # of an int64


def open_trace(path: str | os.PathLike[str], maps: Maps = NO_MAPS) -> Trace:
    """Open a trace for reading; only the first part's footer is read.

    Args:
        path: The folder of parts.
        maps: Describe its registers, where it was recorded without these maps.

    Raises:
        TraceError: It is not a trace, a part is missing, or the first one is damaged.
    """
    return Trace(Path(path), maps)


class Trace:
    """A folder of Parquet parts, opened for reading.

    Nothing is read before it is asked for: the first part's footer at opening, the other footers for what
    concerns the whole trace, rows only by `to_arrow`, `batches` and iteration. The parts are those that were
    there at opening.

    Args:
        path: The folder.
        maps: Describe its registers.
        parts: Its parts, where they were read already or some lie elsewhere; None: those in the folder.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path, maps: Maps = NO_MAPS, parts: tuple[Part, ...] | None = None) -> None:
        self.path = path
        self._maps = maps
        self._being_written = (path / SPOOL_POINTER).exists()
        opened = open_parts(path) if parts is None else opened_parts(parts)
        self._paths, self._first_part, self._whole = opened.paths, opened.first, opened.whole

    def __repr__(self) -> str:
        names = " ".join(register.name for register in self.registers)
        return f"<Trace {str(self.path)!r}: {names} from {self.target}, {count_of(len(self._paths), 'part')}>"

    @cached_property
    def registers(self) -> tuple[Register, ...]:
        """The registers, one for each column after `t_ns`."""
        return annotated(self._first.registers, self._maps)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: `t_ns`, the registers, and `latency_ns` if latencies were recorded."""
        return tuple(self._first_part.columns)

    @property
    def target(self) -> str:
        """The target, as the user spelled it."""
        return self._first.target

    @property
    def mode(self) -> Mode:
        """How the capture was asked to run."""
        return self._first.mode

    @property
    def start(self) -> StartTimes:
        """The moment `t_ns == 0` on the system's clocks."""
        return self._first.start

    @property
    def host(self) -> Mapping[str, Any]:
        """The machine on which the trace was recorded."""
        return self._first.host

    @property
    def command(self) -> tuple[str, ...]:
        """The command line that made the capture, word by word; empty: it was made through the Python interface."""
        return self._first.command

    @property
    def clock(self) -> ClockInfo:
        """The clock of the first part; `error_bound_ns` holds for the whole trace."""
        return self._first.clock

    @property
    def _first(self) -> PartMetadata:
        return self._first_part.metadata

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts in their order; reads every footer, once.

        Raises:
            TraceError: One of them is damaged or does not belong here; the message names it.
        """
        if self._whole is not None:
            return self._whole
        parts = (self._first_part, *(read_part(path) for path in self._paths[1:]))
        check_parts(parts)
        return parts

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Every gap in the order of the capture; one at its beginning stands for the parts that were given up."""
        given_up = () if self.rotated is None else (self.rotated.gap,)
        return (*given_up, *(gap for part in self.parts for gap in part.metadata.gaps))

    @property
    def rotated(self) -> Rotated | None:
        """The parts that the trace gave up at its beginning; None: it gave up none."""
        return self.parts[-1].metadata.rotated

    @cached_property
    def gap_summary(self) -> tuple[GapSummary, ...]:
        """Sums of the gaps, one entry for each cause."""
        return summarise_gaps(self.gaps)

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of the trace, in the order of time: a mark from another process may have been stored late."""
        marks = (mark for part in self.parts for mark in part.metadata.marks)
        return tuple(sorted(marks, key=lambda mark: mark.t_ns))

    @property
    def totals(self) -> Totals | None:
        """The balance of the capture; None: it still runs, or was interrupted."""
        return self.parts[-1].metadata.totals

    @property
    def unfinished(self) -> bool:
        """Whether the capture still runs, or was interrupted; the finished parts can be read all the same."""
        return self._being_written or self.totals is None

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return sum(part.rows for part in self.parts)

    @cached_property
    def size_bytes(self) -> int:
        """Size of all parts."""
        return sum(part.size_bytes for part in self.parts)

    @cached_property
    def error_bound_ns(self) -> float:
        """Largest error of any `t_ns` against CLOCK_MONOTONIC_RAW."""
        return max(part.metadata.clock.error_bound_ns for part in self.parts)

    @cached_property
    def ranges(self) -> Mapping[str, tuple[int, int]]:
        """Smallest and largest value of each column, from statistics; no row is read.

        A column is absent where the trace has no rows or a part has no statistics for it.
        """
        filled = [part.ranges for part in self.parts if part.rows]
        common = [name for name in self.columns if filled and all(name in ranges for ranges in filled)]
        return {
            name: (min(ranges[name][0] for ranges in filled), max(ranges[name][1] for ranges in filled))
            for name in common
        }

    @cached_property
    def time_range(self) -> tuple[int, int] | None:
        """Times of the first and last row in ns, or None without rows; where no statistics tell them, rows are read."""
        told = self.ranges.get(TIME_COLUMN)
        return told if told is not None or not self.rows else self._read_time_range()

    def _read_time_range(self) -> tuple[int, int] | None:
        first = next((batch for batch in self.batches([TIME_COLUMN]) if batch.num_rows), None)
        last = self.row_at()
        return None if first is None or last is None else (first.column(0)[0].as_py(), last[0])

    @property
    def mean_rate_hz(self) -> float | None:
        """Rows per second between the first and the last row; None: there are fewer than two times."""
        first_ns, last_ns = self.time_range or (0, 0)
        return (self.rows - 1) * 1e9 / (last_ns - first_ns) if last_ns > first_ns else None

    def dataset(self) -> ds.Dataset:
        """Return the parts as a pyarrow dataset; no rows are read before a scan of the dataset."""
        schema = self._schema(self.columns)
        import pyarrow.dataset as ds

        return ds.dataset([str(path) for path in self._paths], schema=schema, format="parquet")

    def to_arrow(
        self, columns: Sequence[str] | None = None, t0: int | None = None, t1: int | None = None
    ) -> pa.Table:
        """Return rows as one table in memory: without t0 and t1 the whole trace.

        Args:
            columns: Names of the columns wanted, in this order; None for all.
            t0: First time in ns, inclusive; None from the start.
            t1: Last time in ns, exclusive; None to the end.

        Raises:
            InputError: A column is unknown.
            TraceError: A part is damaged; the message names it.
            RefusedError: pyarrow is not installed.
        """
        schema = self._schema(self._known(columns))
        return load_arrow().Table.from_batches(self.batches(columns, t0, t1), schema)

    def batches(
        self, columns: Sequence[str] | None = None, t0: int | None = None, t1: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in the order of time, at most 131,072 at once, in bounded memory.

        Parts and row groups outside of [t0, t1) are not read; arguments and errors are those of `to_arrow`.
        """
        schema = self._schema(self._known(columns))
        window = (
            _FIRST_NS if t0 is None else max(t0, _FIRST_NS),
            _LAST_NS if t1 is None else min(t1, _LAST_NS),
        )
        for part in self.parts:
            yield from read_rows(part, schema, window)

    def row_at(self, t_ns: int | None = None) -> tuple[int, tuple[int, ...]] | None:
        """Return the last row at or before a moment: its time, and the registers' values in their order.

        Args:
            t_ns: The moment; None: the end of the trace.

        Returns:
            None if there is no such row. At most one part is read.
        """
        stop_ns = _LAST_NS if t_ns is None else min(t_ns + 1, _LAST_NS)
        schema = self._schema((TIME_COLUMN, *(register.name for register in self.registers)))
        for part in reversed(self.parts):
            last = None
            for batch in read_rows(part, schema, (_FIRST_NS, stop_ns)):
                last = batch if batch.num_rows else last
            if last is not None:
                time_ns, *values = (column[-1].as_py() for column in last.columns)
                return time_ns, tuple(values)
        return None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.batches()

    def _known(self, columns: Sequence[str] | None) -> tuple[str, ...]:
        for name in columns or ():
            if name not in self.columns:
                raise InputError(f"{self.path} has no column {name!r}; it has {' '.join(self.columns)}")
        return self.columns if columns is None else tuple(columns)

    def _schema(self, names: Sequence[str]) -> pa.Schema:
        pa = load_arrow()
        types = self._first_part.columns
        return pa.schema([pa.field(name, pa.type_for_alias(types[name]), nullable=False) for name in names])
