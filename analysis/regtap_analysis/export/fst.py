"""FST, GTKWave's and Surfer's compressed format, written by libfst."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from regtap.documents.text import visible
from regtap.errors import RefusedError
from regtap.units.format import format_utc
from regtap_analysis.export.vcd import lacking_in_waves, mark_text, wave_path
from regtap_analysis.export.waves import first_moment_ns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regtap.trace.gaps import Gap
    from regtap.trace.reader import Trace
    from regtap_analysis.export.options import Selection
    from regtap_analysis.export.waves import Changes
    from regtap_analysis.signals.model import Signal

_NANOSECOND = -9  # power of ten of a unit of time


class FstWriter:
    """Writes FST; a gap is a blackout, and all signals are x in it.

    Args:
        selection: The exported part of a trace.
        path: The file to make.

    Raises:
        RefusedError: pylibfst is not installed.
        OSError: The file cannot be made.
    """

    def __init__(self, selection: Selection, path: Path) -> None:
        module = _import_pylibfst()
        self._lib, self._ffi, self._path = module.lib, module.ffi, path
        self._signals = selection.signals
        self._shift_ns = max(0, -first_moment_ns(selection))
        self.lacking: tuple[str, ...] = lacking_in_waves(selection)
        self._dark = False
        self._t_ns: int | None = None  # the last time that was written
        self._context = self._lib.fstWriterCreate(os.fsencode(path), 1)
        if self._context == self._ffi.NULL:
            raise OSError("libfst cannot make it")
        try:
            self._describe(selection.trace)
            self._handles = [self._variable(signal) for signal in self._signals]
            self._marks = self._text_variable("regtap", "marks") if selection.trace.marks else None
        except BaseException:
            self.abandon()
            raise

    def changes(self, changes: Changes) -> None:
        """Write changes, in the order of time; the first one after a gap ends its blackout."""
        emit, context = self._lib.fstWriterEmitValueChange64, self._context
        handles, widths = self._handles, [signal.bits for signal in self._signals]
        if self._dark and len(changes.times_ns):
            self._go(int(changes.times_ns[0]))
            self._lib.fstWriterEmitDumpActive(context, 1)
            self._dark = False
        for t_ns, index, value in zip(
            changes.times_ns.tolist(), changes.signals.tolist(), changes.values.tolist(), strict=True
        ):
            if t_ns != self._t_ns:
                self._go(t_ns)
            emit(context, handles[index], widths[index], value)

    def gap(self, t_ns: int, gap: Gap) -> None:
        """Set every signal to x and begin a blackout; a gap with rows inside is none."""
        if gap.rows:
            return
        self.unknown(t_ns, range(len(self._signals)))
        if not self._dark:
            self._lib.fstWriterEmitDumpActive(self._context, 0)
            self._dark = True

    def unknown(self, t_ns: int, signals: Sequence[int]) -> None:
        """Set some signals to x."""
        if not signals:
            return
        self._go(t_ns)
        for index in signals:
            bits = self._signals[index].bits
            self._lib.fstWriterEmitValueChange(self._context, self._handles[index], b"x" * bits)

    def mark(self, t_ns: int, text: str) -> None:
        """Write a mark as a value of the text signal `regtap.marks`."""
        self._go(t_ns)
        content = mark_text(text).encode()
        self._lib.fstWriterEmitVariableLengthValueChange(self._context, self._marks, content, len(content))

    def close(self, last_ns: int) -> None:
        """Write the rest, and check that the file can be opened; raises OSError."""
        if self._t_ns is None:  # without a change it would be no file that libfst opens
            self.unknown(-self._shift_ns, range(len(self._signals)))
        self._go(last_ns)
        self.abandon()
        reader = self._lib.fstReaderOpen(os.fsencode(self._path))
        if reader == self._ffi.NULL:
            raise OSError("the disk is full, or refuses")
        self._lib.fstReaderClose(reader)

    def abandon(self) -> None:
        """End libfst's writer, which frees its memory and removes the files that it has made beside this one."""
        context, self._context = self._context, self._ffi.NULL
        if context != self._ffi.NULL:
            self._lib.fstWriterClose(context)

    def _go(self, t_ns: int) -> None:
        if self._t_ns is None or t_ns > self._t_ns:
            self._lib.fstWriterEmitTimeChange(self._context, t_ns + self._shift_ns)
            self._t_ns = t_ns

    def _describe(self, trace: Trace) -> None:
        self._lib.fstWriterSetTimescale(self._context, _NANOSECOND)
        self._lib.fstWriterSetDate(self._context, format_utc(trace.start.realtime_ns).encode())
        self._lib.fstWriterSetVersion(self._context, visible(f"regtap: {trace.target}").encode())

    def _variable(self, signal: Signal) -> Any:
        *scopes, name = wave_path(signal)
        return self._in_scopes(
            scopes or ["regtap"], lambda: self._create(self._lib.FST_VT_VCD_WIRE, signal.bits, name)
        )

    def _text_variable(self, scope: str, name: str) -> Any:
        return self._in_scopes([scope], lambda: self._create(self._lib.FST_VT_GEN_STRING, 0, name))

    def _create(self, kind: int, bits: int, name: str) -> Any:
        return self._lib.fstWriterCreateVar(
            self._context, kind, self._lib.FST_VD_IMPLICIT, bits, name.encode(), 0
        )

    def _in_scopes(self, scopes: list[str], make: Any) -> Any:
        for scope in scopes:
            self._lib.fstWriterSetScope(
                self._context, self._lib.FST_ST_VCD_MODULE, scope.encode(), self._ffi.NULL
            )
        made = make()
        for _ in scopes:
            self._lib.fstWriterSetUpscope(self._context)
        return made


def _import_pylibfst() -> Any:
    try:
        import pylibfst
    except ImportError as error:
        raise RefusedError("pylibfst is not installed", remedy="pip install 'regtap[export]'") from error
    return pylibfst
