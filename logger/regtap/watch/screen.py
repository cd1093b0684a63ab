"""The terminal, by curses: paints changed cells, reads keys, and notices an end of the terminal."""

from __future__ import annotations

import contextlib
import curses
import enum
import locale
import math
import os
import select
import sys
from typing import TYPE_CHECKING, Self

from regtap.errors import InputError
from regtap.system.closeable import Closeable
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.watch.table import Span

_ESCAPE_MS = 25  # how long the rest of a key's sequence may take
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_ELSEWHERE = "use --once for a table, or --json for a program"


class Key(enum.Enum):
    """A key without a character."""

    UP = "up"
    DOWN = "down"
    PAGE_UP = "page up"
    PAGE_DOWN = "page down"
    HOME = "home"
    END = "end"
    BACKSPACE = "backspace"
    ENTER = "enter"
    ESCAPE = "escape"
    RESIZE = "resize"


_KEYS = {
    curses.KEY_UP: Key.UP,
    curses.KEY_DOWN: Key.DOWN,
    curses.KEY_PPAGE: Key.PAGE_UP,
    curses.KEY_NPAGE: Key.PAGE_DOWN,
    curses.KEY_HOME: Key.HOME,
    curses.KEY_END: Key.END,
    curses.KEY_BACKSPACE: Key.BACKSPACE,
    curses.KEY_ENTER: Key.ENTER,
    curses.KEY_RESIZE: Key.RESIZE,
    8: Key.BACKSPACE,
    127: Key.BACKSPACE,
    10: Key.ENTER,
    13: Key.ENTER,
    27: Key.ESCAPE,
}


def check_terminal() -> None:
    """Check that input and output are a terminal with a cursor that can be placed.

    Raises:
        InputError: There is none; the message says what to do.
    """
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stdout)):
        raise InputError(f"a live table needs a terminal as input and output; {_ELSEWHERE}")
    name = os.environ.get("TERM", "")
    try:
        curses.setupterm(term=name or "dumb", fd=sys.stdout.fileno())
    except curses.error as error:
        raise InputError(
            f"nothing is known of the terminal TERM={quoted(name)}; set TERM=xterm, or {_ELSEWHERE}"
        ) from error
    if curses.tigetstr("cup") is None:
        raise InputError(f"the terminal TERM={quoted(name)} cannot place its cursor; {_ELSEWHERE}")


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and isatty()


class Screen(Closeable):
    """The whole terminal while open; close() restores its content.

    Attributes:
        is_ascii: Whether the terminal's encoding has no block characters.
        is_gone: Whether the terminal has gone.
    """

    def __init__(self) -> None:
        """Take the terminal.

        Raises:
            InputError: There is none that will do.
        """
        check_terminal()
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, "")
        self._window = curses.initscr()
        self.is_gone = False
        self.is_ascii = self._window.encoding.lower().replace("-", "") != "utf8"
        self._poll = select.poll()
        self._poll.register(sys.stdin.fileno(), select.POLLIN)
        self._painted: list[tuple[Span, ...]] = []
        self._is_open = True
        try:
            self._styles = self._set_up()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Give the terminal back; a second call does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        with contextlib.suppress(curses.error):
            self._window.keypad(False)
            curses.endwin()

    def size(self) -> tuple[int, int]:
        """Return the current lines and columns of the terminal."""
        with contextlib.suppress(OSError, curses.error):
            now = os.get_terminal_size(sys.stdout.fileno())
            if now.lines and now.columns and (now.lines, now.columns) != self._window.getmaxyx():
                curses.resizeterm(now.lines, now.columns)
                self.paint_all_anew()
        lines, columns = self._window.getmaxyx()
        return lines, columns

    def paint_all_anew(self) -> None:
        """Let the next paint() draw every cell."""
        self._painted = []
        self._window.clear()

    def paint(self, lines: Sequence[tuple[Span, ...]]) -> None:
        """Show lines from the top; only changed spans are drawn."""
        height, width = self._window.getmaxyx()
        before = self._painted
        now = list(lines[:height])
        for y in range(max(len(now), min(len(before), height))):
            new = now[y] if y < len(now) else ()
            old = before[y] if y < len(before) else None
            if new != old:
                self._paint_line(y, new, old, width)
        self._painted = now
        with contextlib.suppress(curses.error):
            self._window.refresh()

    def key(self, timeout_s: float) -> str | Key | None:
        """Return the next key, or None if none comes in time, or the terminal has gone."""
        # Upwards: with less than a millisecond left, a wait of 0 would be asked for again and again.
        for _, events in self._poll.poll(max(0, math.ceil(timeout_s * 1000))):
            if events & _GONE:
                self.is_gone = True
                return None
        with contextlib.suppress(curses.error):
            pressed = self._window.get_wch()
            if isinstance(pressed, str) and pressed.isprintable():
                return pressed
            return _KEYS.get(ord(pressed) if isinstance(pressed, str) else pressed)
        return None

    def _set_up(self) -> tuple[int, ...]:
        curses.noecho()
        curses.cbreak()
        curses.set_escdelay(_ESCAPE_MS)
        curses.typeahead(-1)  # a screen is painted to its end; no look at the keyboard after every few lines
        self._window.keypad(True)
        self._window.nodelay(True)
        with contextlib.suppress(curses.error):
            curses.curs_set(0)
        has_colors = False
        if not os.environ.get("NO_COLOR"):
            with contextlib.suppress(curses.error):
                curses.start_color()
                curses.use_default_colors()
                has_colors = curses.has_colors()
        return _colored() if has_colors else _plain()

    def _paint_line(self, y: int, new: tuple[Span, ...], old: tuple[Span, ...] | None, width: int) -> None:
        is_same_shape = (
            old is not None
            and len(old) == len(new)
            and all(o[0] == n[0] and len(o[1]) == len(n[1]) for o, n in zip(old, new, strict=True))
        )
        # curses complains of the last cell of the screen, which it has drawn by then, after all others
        with contextlib.suppress(curses.error):
            if not is_same_shape:
                self._window.move(y, 0)
                self._window.clrtoeol()
            for number, span in enumerate(new):
                if is_same_shape and old is not None and old[number] == span:
                    continue
                x, text, style = span
                if x < width:
                    self._window.addnstr(y, x, text, width - x, self._styles[style])


def _plain() -> tuple[int, ...]:
    """Return the attributes of the styles, for a terminal without colours."""
    return (
        curses.A_NORMAL,
        curses.A_DIM,
        curses.A_BOLD | curses.A_UNDERLINE,
        curses.A_REVERSE,
        curses.A_BOLD | curses.A_UNDERLINE,
        curses.A_BOLD,
        curses.A_REVERSE | curses.A_BOLD,
        curses.A_REVERSE,
    )


def _colored() -> tuple[int, ...]:
    """Return the attributes of the styles, in the eight basic colours."""
    for number, (front, back) in enumerate(
        (
            (curses.COLOR_BLACK, curses.COLOR_YELLOW),
            (curses.COLOR_YELLOW, -1),
            (curses.COLOR_WHITE, curses.COLOR_RED),
            (curses.COLOR_CYAN, -1),
            (curses.COLOR_BLACK, curses.COLOR_CYAN),
        ),
        start=1,
    ):
        curses.init_pair(number, front, back)
    fresh, recent, fault, faint, different = (curses.color_pair(number) for number in range(1, 6))
    return (
        curses.A_NORMAL,
        faint,
        curses.A_BOLD,
        fresh,
        recent | curses.A_BOLD,
        recent,
        fault | curses.A_BOLD,
        different,
    )
