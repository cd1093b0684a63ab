"""Exporting a trace: the file appears whole or not at all."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from regtap.system.output import check_new, whole_output
from regtap_analysis.export import rows
from regtap_analysis.export.options import format_of
from regtap_analysis.export.waves import WaveWriter, write_waves

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from regtap_analysis.export.options import Selection
    from regtap_analysis.export.written import Written
    from regtap_analysis.progress import ReadingProgress

_ROWS: dict[str, Callable[[Selection, IO[bytes], ReadingProgress], Written]] = {
    "csv": rows.write_csv,
    "parquet": rows.write_parquet,
    "arrow": rows.write_arrow,
}


def check_output(path: Path, *, force: bool) -> None:
    """Raise InputError if a file cannot be exported to."""
    format_of(path)
    check_new(path, force=force)


def export_trace(
    selection: Selection, path: Path, progress: ReadingProgress, *, force: bool = True
) -> Written:
    """Write the selected part of a trace to a file, in the format of the file's ending.

    Args:
        selection: The part of a trace to export.
        path: The file.
        progress: Told how far it is.
        force: Whether a file that is there is replaced.

    Raises:
        InputError: The format is unknown, or cannot hold the values; or the file is there, and stays.
        RefusedError: The format needs a library that is not installed.
        StorageError: The disk is full, or refuses; what was there is as it was.
        TraceError: A part is damaged.
    """
    with whole_output(path, force=force) as temporary:
        return _write(selection, format_of(path), temporary, progress)


def _write(selection: Selection, file_format: str, path: Path, progress: ReadingProgress) -> Written:
    if file_format == "fst":
        from regtap_analysis.export.fst import FstWriter

        return write_waves(selection, FstWriter(selection, path), progress)
    with path.open("xb") as file:
        if file_format in _ROWS:
            return _ROWS[file_format](selection, file, progress)
        return write_waves(selection, _wave_writer(selection, file_format, file), progress)


def _wave_writer(selection: Selection, file_format: str, file: IO[bytes]) -> WaveWriter:
    if file_format == "vcd":
        from regtap_analysis.export.vcd import VcdWriter

        return VcdWriter(selection, file)
    from regtap_analysis.export.perfetto import PerfettoWriter

    return PerfettoWriter(selection, file)
