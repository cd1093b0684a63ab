"""The terminal, by curses: shows lines, reads keys, and notices an end of the terminal."""

from __future__ import annotations

import contextlib
import curses
import enum
import locale
import math
import os
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING, Self

from regtap.errors import InputError
from regtap.system.closeable import Closeable
from regtap.units.parse import quoted
from regtap.watch.painter import Painter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.watch.table import Span

_ESCAPE_MS = 25  # how long the rest of a key's sequence may take
_BLOCKED_S = 1.0  # how long a terminal may take nothing
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
        self.is_gone = False
        self._is_busy = True  # with what Ctrl-Z has to wait for
        self._wants_stop = self._is_new = False
        # Before initscr(): where curses finds this signal taken, it leaves the signal alone.
        self._before = signal.getsignal(signal.SIGTSTP)
        if self._before == signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, self._asked_to_stop)
        self._is_open = True
        try:
            self._window = curses.initscr()
            self.is_ascii = self._window.encoding.lower().replace("-", "") != "utf8"
            self._poll = select.poll()
            self._poll.register(sys.stdin.fileno(), select.POLLIN)
            self._painter = Painter(self._window.encoding, has_colors=not os.environ.get("NO_COLOR"))
            self._set_up()
        except BaseException:
            self.close()
            raise
        self._is_busy = False

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Give the terminal back; a second call does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        self._is_busy = True
        with contextlib.suppress(curses.error):
            curses.endwin()
        if self._before == signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)

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
        """Clear the terminal, and let the next paint() draw every cell."""
        self._painter.forget()
        with contextlib.suppress(curses.error):
            self._window.clear()
            self._window.refresh()

    def paint(self, lines: Sequence[tuple[Span, ...]]) -> None:
        """Show lines from the top; only changed spans are drawn."""
        self._is_busy = True
        if not self._write(self._painter.changes(lines, *self._window.getmaxyx())):
            self._painter.forget()
        self._is_busy = False
        if self._wants_stop:
            self._stop()

    def key(self, timeout_s: float) -> str | Key | None:
        """Return the next key, or None if none comes in time, or the terminal has gone.

        Key.RESIZE is also said where the screen has to be shown again for another reason.
        """
        # Upwards: with less than a millisecond left, a wait of 0 would be asked for again and again.
        for _, events in self._poll.poll(max(0, math.ceil(timeout_s * 1000))):
            if events & _GONE:
                self.is_gone = True
                return None
        if self._is_new:
            self._is_new = False
            return Key.RESIZE
        with contextlib.suppress(curses.error):
            pressed = self._window.get_wch()
            if isinstance(pressed, str) and pressed.isprintable():
                return pressed
            if pressed == curses.KEY_RESIZE:
                self.paint_all_anew()
            return _KEYS.get(ord(pressed) if isinstance(pressed, str) else pressed)
        return None

    def _write(self, data: bytes) -> bool:
        """Write to the terminal; return False if it has gone, which key() notices, or takes no more."""
        terminal = sys.stdout.fileno()
        while data:
            try:
                if not select.select([], [terminal], [], _BLOCKED_S)[1]:
                    return False
                data = data[os.write(terminal, data) :]
            except BlockingIOError:  # another program has left the terminal so
                continue
            except OSError:
                return False
        return True

    def _asked_to_stop(self, _number: int, _frame: object) -> None:
        if self._is_busy:
            self._wants_stop = True
        else:
            self._stop()

    def _stop(self) -> None:
        """Give the terminal back and stop, as Ctrl-Z asks; go on here once the shell continues the process."""
        self._is_busy = True
        # The shell may have the terminal already: where another program of the job stopped sooner.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        with contextlib.suppress(curses.error):
            curses.endwin()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTTOU])
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._asked_to_stop)
        self.paint_all_anew()
        self._wants_stop = self._is_busy = False
        self._is_new = True

    def _set_up(self) -> None:
        curses.noecho()
        curses.cbreak()
        curses.set_escdelay(_ESCAPE_MS)
        self._window.keypad(True)
        self._window.nodelay(True)
        with contextlib.suppress(curses.error):
            curses.curs_set(0)
        self.paint_all_anew()
