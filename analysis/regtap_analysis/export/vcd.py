"""Writes VCD, for GTKWave, Surfer and simulators."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

from regtap.documents.text import folded, visible
from regtap.errors import RefusedError
from regtap.units.format import format_utc
from regtap_analysis.export.options import is_named
from regtap_analysis.export.waves import first_moment_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.trace.gaps import Gap
    from regtap_analysis.export.options import Selection
    from regtap_analysis.export.waves import Changes
    from regtap_analysis.signals.model import Signal


def wave_path(signal: Signal) -> tuple[str, ...]:
    """Return scopes and name of a signal for a viewer: `UART0.CR.EN` is UART0 / CR / EN.

    An index stands in parentheses: in brackets viewers take it for a range of bits.
    """
    return tuple(part.replace("[", "(").replace("]", ")") for part in signal.name.split("."))


class VcdWriter:
    """Writes VCD by pyvcd, with a unit of time of 1 ns; an unknown value is `x`.

    Args:
        selection: The exported part of a trace.
        file: The output.

    Raises:
        RefusedError: pyvcd is not installed.
    """

    def __init__(self, selection: Selection, file: IO[bytes]) -> None:
        pyvcd = _import_pyvcd()
        self._text = io.TextIOWrapper(file, encoding="utf-8", write_through=False)
        trace, signals = selection.trace, selection.signals
        self._shift_ns = max(0, -first_moment_ns(selection))
        self._writer = pyvcd.VCDWriter(
            self._text,
            timescale="1 ns",
            date=format_utc(trace.start.realtime_ns),
            comment=_comment(
                f"regtap: {trace.path} from {trace.target}; time 0 is {-self._shift_ns} ns of the trace"
            ),
            init_timestamp=max(0, first_moment_ns(selection) + self._shift_ns),
        )
        self._variables = [self._register(signal) for signal in signals]
        self._marks = self._writer.register_var("regtap", "marks", "string", init="") if trace.marks else None
        self.lacking: tuple[str, ...] = lacking_in_waves(selection)

    def changes(self, changes: Changes) -> None:
        """Write changes."""
        change, variables, shift_ns = self._writer.change, self._variables, self._shift_ns
        for t_ns, index, value in zip(
            changes.times_ns.tolist(), changes.signals.tolist(), changes.values.tolist(), strict=True
        ):
            change(variables[index], t_ns + shift_ns, value)

    def gap(self, t_ns: int, gap: Gap) -> None:
        """Set every signal to x at the begin of a gap; a gap with rows inside leaves the signals as they are."""
        self.unknown(t_ns, range(len(self._variables)) if not gap.rows else ())

    def unknown(self, t_ns: int, signals: Sequence[int]) -> None:
        """Set some signals to x."""
        for index in signals:
            self._writer.change(self._variables[index], t_ns + self._shift_ns, "x")

    def mark(self, t_ns: int, text: str) -> None:
        """Write a mark as a value of the text signal `regtap.marks`."""
        self._writer.change(self._marks, t_ns + self._shift_ns, mark_text(text))

    def close(self, last_ns: int) -> None:
        """Write the time of the end."""
        self._writer.close(last_ns + self._shift_ns)
        self._text.flush()
        self._text.detach()

    def abandon(self) -> None:
        """Leave the file to its owner."""

    def _register(self, signal: Signal) -> Any:
        *scopes, name = wave_path(signal)
        return self._writer.register_var(tuple(scopes) or "regtap", name, "wire", size=signal.bits, init="x")


def lacking_in_waves(selection: Selection) -> tuple[str, ...]:
    """Return the reasons why VCD and FST cannot hold all of a trace."""
    causes = ("causes of gaps",) if selection.trace.gaps else ()
    inside = ("gaps with rows inside",) if any(gap.rows for gap in selection.trace.gaps) else ()
    named = ("names of values",) if any(map(is_named, selection.signals)) else ()
    return (*causes, *inside, *named)


def mark_text(text: str) -> str:
    """Return a mark's text as one word: the format ends a text at a space."""
    return visible("_".join(text.split())) or "mark"


def _comment(text: str) -> str:
    """Return a text for a comment, which the word `$end` would end."""
    return visible(folded(text)).replace("$end", "$_end")


def _import_pyvcd() -> Any:
    try:
        import vcd
    except ImportError as error:
        raise RefusedError("pyvcd is not installed", remedy="pip install 'regtap[export]'") from error
    return vcd
