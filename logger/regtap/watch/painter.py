"""The bytes that change a terminal's screen, by its terminfo entry.

Curses' own refresh() flushes after each move of the cursor: some 190 writes for a screen of 40 rows, and over ssh each
of them may be a packet. These bytes are written at once.
"""

from __future__ import annotations

import curses
import re
from typing import TYPE_CHECKING

from regtap.watch.table import Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.watch.table import Span

    Line = tuple[Span, ...]

_PADDING = re.compile(rb"\$<[^>]*>")  # delays, which only old hardware terminals need
_BLACK, _RED, _YELLOW, _CYAN, _WHITE = 0, 1, 3, 6, 7


class Painter:
    """Makes the bytes for the spans that changed; curses.setupterm() or initscr() has been called.

    Args:
        encoding: The terminal's.
        has_colors: Whether to use the eight basic colours, where the terminal has them.
    """

    def __init__(self, encoding: str, *, has_colors: bool) -> None:
        self._encoding = encoding
        self._styles = _styles(has_colors=has_colors)
        self._reset = _capability("sgr0")
        self._moves: dict[tuple[int, int], bytes] = {}
        self._painted: list[Line] = []

    def forget(self) -> None:
        """Take it that the screen shows something else: the next lines are drawn whole."""
        self._painted = []

    def changes(self, lines: Sequence[Line], height: int, width: int) -> bytes:
        """Return the bytes after which a screen shows some lines from its top, and nothing below.

        Args:
            lines: The spans of each line, from left to right; a line without spans is empty.
            height: Lines of the screen; what has no room there is left out.
            width: Its columns.
        """
        before, now = self._painted, [*lines, *[()] * height][:height]
        self._painted = now
        pieces: list[bytes] = []
        for y, new in enumerate(now):
            old = before[y] if y < len(before) else None
            if new != old:
                # the last cell of all would scroll some terminals
                pieces += self._line(y, new, old, width - (y == height - 1))
        return b"".join(pieces)

    def _line(self, y: int, new: Line, old: Line | None, width: int) -> Iterator[bytes]:
        if old is not None and _is_same_shape(new, old):
            for span, was in zip(new, old, strict=True):
                if span != was:
                    yield from self._span(y, span, width)
            return
        end = 0
        for span in new:
            yield from self._blank(y, end, min(span[0], width))
            yield from self._span(y, span, width)
            end = span[0] + len(span[1])
        yield from self._blank(y, end, width)

    def _span(self, y: int, span: Span, width: int) -> Iterator[bytes]:
        x, text, style = span
        if x < width:
            yield self._move(y, x)
            yield self._styles[style]
            yield text[: width - x].encode(self._encoding, "replace")
            yield self._reset

    def _blank(self, y: int, begin: int, end: int) -> Iterator[bytes]:
        if begin < end:
            yield self._move(y, begin)
            yield b" " * (end - begin)

    def _move(self, y: int, x: int) -> bytes:
        move = self._moves.get((y, x))
        if move is None:
            move = self._moves[y, x] = _capability("cup", y, x)
        return move


def _is_same_shape(new: Line, old: Line) -> bool:
    return len(old) == len(new) and all(
        o[0] == n[0] and len(o[1]) == len(n[1]) for o, n in zip(old, new, strict=True)
    )


def _capability(name: str, *parameters: int) -> bytes:
    """Return the bytes of a terminal's capability; none, where it has not got it."""
    found = curses.tigetstr(name)
    if not found:
        return b""
    return _PADDING.sub(b"", curses.tparm(found, *parameters) if parameters else found)


def _styles(*, has_colors: bool) -> tuple[bytes, ...]:
    """Return the bytes that turn each style on; none, where the terminal cannot turn it off."""
    if not _capability("sgr0"):
        return (b"",) * len(Style)
    can_color = curses.tigetnum("colors") >= 8 and _capability("setaf", 0) and _capability("setab", 0)
    return _colored() if has_colors and can_color else _plain()


def _plain() -> tuple[bytes, ...]:
    """Return the bytes that turn each style on, for a terminal without colours."""
    dim, bold, reverse, underline = map(_capability, ("dim", "bold", "rev", "smul"))
    return (b"", dim, bold + underline, reverse, bold + underline, bold, reverse + bold, reverse)


def _colored() -> tuple[bytes, ...]:
    """Return the bytes that turn each style on, in the eight basic colours."""
    bold = _capability("bold")
    yellow, cyan = _capability("setaf", _YELLOW), _capability("setaf", _CYAN)
    fresh = _capability("setaf", _BLACK) + _capability("setab", _YELLOW)
    fault = _capability("setaf", _WHITE) + _capability("setab", _RED)
    different = _capability("setaf", _BLACK) + _capability("setab", _CYAN)
    return (b"", cyan, bold, fresh, yellow + bold, yellow, fault + bold, different)
