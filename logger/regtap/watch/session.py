"""A live view: keys, screens, and recordings that a key starts."""

from __future__ import annotations

import time
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

from regtap.units.format import count_of, format_duration_ns, format_rate
from regtap.watch.help import help_lines
from regtap.watch.screen import Key
from regtap.watch.table import Look, Numbers, Style, Table, shown_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regtap.sampling.live import LiveValues
    from regtap.watch.screen import Screen
    from regtap.watch.table import Span
    from regtap.watch.values import History, Row, View

_MESSAGE_S = 5.0
_PRESENCE_S = 1.0
_KEY_S = 0.1  # how soon a signal is noticed
_FOOT = "? help  q quit  p pause  / filter  s snapshot  f fields  v numbers  r record"
_HELP_FOOT = "up and down scroll, any other key goes back"
_FAR = 10**9  # lines: to the end


class Recorder(Protocol):
    """Makes recordings of the watched registers."""

    def toggle(self) -> str:
        """Start a recording, or end the running one; return a sentence about the recording."""

    def status(self) -> str:
        """Return the progress of the recording; empty: none runs."""

    @property
    def output(self) -> str:
        """The folder of the running recording; empty: none runs."""


class Session:
    """One person's watch.

    Args:
        screen: The terminal.
        values: The native loop.
        history: Results of earlier looks.
        recorder: For the key `r`.
        title: Beginning of the first line.
        presence: Returns what became of the device; empty while it is as it was.
    """

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        screen: Screen,
        values: LiveValues,
        history: History,
        *,
        recorder: Recorder,
        title: str,
        presence: Callable[[], str],
    ) -> None:
        self._screen = screen
        self._values = values
        self._history = history
        self._recorder = recorder
        self._title = title
        self._presence = presence
        self._table = Table()
        self._look = Look(is_ascii=screen.is_ascii)
        self._view = history.add(values.look())
        self._filter = ""
        self._is_editing = False
        self._is_paused = False
        self._shows_help = False
        self._help_top = 0
        self._only_different = False
        self._top = 0
        self._page = 1
        self._message = ""
        self._message_until = 0.0
        self._became = ""
        self._asked_at = 0.0

    def run(self, interval_s: float, is_ended: Callable[[], bool]) -> View:
        """Show screens until a key or `is_ended` ends the view, or the terminal is gone; return the last view.

        Args:
            interval_s: Between two screens; one that is late leaves others out.
            is_ended: Whether to end, asked often.
        """
        due = time.monotonic()
        while not is_ended() and not self._screen.is_gone:
            now = time.monotonic()
            if now >= due:
                self._next()
                due += interval_s * max(1, -(-(now - due) // interval_s))
            key = self._screen.key(min(_KEY_S, max(0.0, due - time.monotonic())))
            if key is not None and not self._take(key):
                break
        return self._view

    def _next(self) -> None:
        if not self._is_paused:
            self._view = self._history.add(self._values.look())
        now = time.monotonic()
        if now - self._asked_at >= _PRESENCE_S:
            self._asked_at, self._became = now, self._presence()
        self._paint()

    def _take(self, key: str | Key) -> bool:
        """Handle a key; return False if the key ends the view."""
        if key is not Key.RESIZE:
            self._message_until = 0.0  # the message of the key before
        if self._is_editing:
            self._edit(key)
        elif self._shows_help:
            self._read_help(key)
        elif key == "q":
            return False
        else:
            self._do(key)
        self._paint()
        return True

    def _do(self, key: str | Key) -> None:
        actions: dict[str | Key, Callable[[], None]] = {
            "?": self._help,
            "p": self._pause,
            " ": self._pause,
            "/": self._begin_filter,
            Key.ESCAPE: self._end_filter,
            "f": self._toggle_fields,
            "v": self._next_numbers,
            "s": self._snapshot,
            "S": self._drop_snapshot,
            "c": self._compare,
            "z": self._restart,
            "t": self._retry,
            "r": self._record,
            "R": self._record,
        }
        action = actions.get(key)
        if action is not None:
            action()
        elif lines := self._lines_to_scroll(key):
            self._top = max(0, self._top + lines)
        elif isinstance(key, str):
            self._say(f"the key {shown_text(key)} does nothing; ? lists the keys")

    def _lines_to_scroll(self, key: str | Key) -> int:
        """Return by how many lines a key scrolls; 0: it does not."""
        lines: dict[str | Key, int] = {
            "k": -1,
            Key.UP: -1,
            "j": 1,
            Key.DOWN: 1,
            Key.PAGE_UP: -self._page,
            Key.PAGE_DOWN: self._page,
            Key.HOME: -_FAR,
            Key.END: _FAR,
        }
        return lines.get(key, 0)

    def _help(self) -> None:
        self._shows_help, self._help_top = True, 0

    def _read_help(self, key: str | Key) -> None:
        lines = self._lines_to_scroll(key)
        self._shows_help = bool(lines) or key is Key.RESIZE
        self._help_top = max(0, self._help_top + lines)

    def _pause(self) -> None:
        self._is_paused = not self._is_paused

    def _begin_filter(self) -> None:
        self._is_editing, self._filter, self._top = True, "", 0

    def _end_filter(self) -> None:
        self._is_editing, self._filter, self._only_different = False, "", False

    def _edit(self, key: str | Key) -> None:
        if key is Key.ENTER:
            self._is_editing = False
        elif key is Key.ESCAPE:
            self._end_filter()
        elif key is Key.BACKSPACE:
            self._filter = self._filter[:-1]
        elif isinstance(key, str):
            self._filter += key

    def _toggle_fields(self) -> None:
        self._look = replace(self._look, has_field_rows=not self._look.has_field_rows)

    def _next_numbers(self) -> None:
        kinds = list(Numbers)
        numbers = kinds[(kinds.index(self._look.numbers) + 1) % len(kinds)]
        self._look = replace(self._look, numbers=numbers)
        self._say(f"numbers are {numbers.value}")

    def _snapshot(self) -> None:
        self._history.take_snapshot(self._view)
        self._look = replace(self._look, has_snapshot=True)
        self._renew()
        self._say("snapshot taken; c shows only what differs from it, S drops it")

    def _drop_snapshot(self) -> None:
        if not self._look.has_snapshot:
            self._say("there is no snapshot to drop; s takes one")
            return
        self._history.drop_snapshot()
        self._look = replace(self._look, has_snapshot=False)
        self._only_different = False
        self._renew()
        self._say("snapshot dropped")

    def _compare(self) -> None:
        if self._look.has_snapshot:
            self._only_different = not self._only_different
        else:
            self._say("there is no snapshot to compare with; s takes one")

    def _renew(self) -> None:
        """Show a change of the snapshot at once, also while paused."""
        self._view = self._history.with_snapshot(self._view)

    def _restart(self) -> None:
        self._values.restart()
        self._say("counts, smallest and largest begin anew")

    def _retry(self) -> None:
        self._values.retry()
        self._say("registers that had a bus error are read again")

    def _record(self) -> None:
        self._say(self._recorder.toggle())

    def _say(self, text: str) -> None:
        self._message, self._message_until = shown_text(text), time.monotonic() + _MESSAGE_S

    def _paint(self) -> None:
        height, width = self._screen.size()
        body = max(1, height - 3)
        self._page = body
        shown: list[tuple[Span, ...]]
        if self._shows_help:
            texts = help_lines(width)
            self._help_top = min(self._help_top, max(0, len(texts) - body - 1))
            shown = [((0, text, Style.PLAIN),) for text in texts[self._help_top :][: body + 1]]
        else:
            heading, *lines = self._table.lines(self._view, self._rows(), width, self._look)
            self._top = min(self._top, max(0, len(lines) - body))
            shown = [heading, *lines[self._top : self._top + body]]
        shown += [()] * (body + 1 - len(shown))
        self._screen.paint([self._head(width), *shown, self._foot()])

    def _rows(self) -> Sequence[Row]:
        return [row for row in self._view.rows if self._is_shown(row)]

    def _is_shown(self, row: Row) -> bool:
        if row.line.is_part and not self._look.has_field_rows:
            return False
        if self._only_different and not row.is_different:
            return False
        return not self._filter or self._has_wanted_name(row)

    def _has_wanted_name(self, row: Row) -> bool:
        wanted, name = self._filter.lower(), row.line.name.lower()
        return wanted in name or fnmatchcase(name, wanted)

    def _head(self, width: int) -> tuple[Span, ...]:
        view = self._view
        if self._became:
            return ((0, shown_text(f"the device {self._became}").ljust(width), Style.FAULT),)
        elapsed = format_duration_ns(view.elapsed_ns - view.elapsed_ns % 10**8)
        parts = ["PAUSED"] if self._is_paused else []
        parts.append(self._recorder.status())
        parts += [f"{count_of(view.missed, 'slot')} missed"] if view.missed else []
        parts += [f"into {self._recorder.output}"] if self._recorder.output else []
        # What may be missing on a narrow screen comes last.
        parts += [f"read {format_rate(view.rate_hz)}", elapsed, self._title]
        return ((0, "  ".join(shown_text(part) for part in parts if part).ljust(width), Style.HEADING),)

    def _foot(self) -> tuple[Span, ...]:
        if self._shows_help:
            return ((0, _HELP_FOOT, Style.FAINT),)
        if self._is_editing:
            return ((0, f"filter: {shown_text(self._filter)}_", Style.HEADING),)
        if time.monotonic() < self._message_until:
            return ((0, self._message, Style.HEADING),)
        only = [f"names with {shown_text(self._filter)!r}"] if self._filter else []
        only += ["what differs"] if self._only_different else []
        if only:
            return ((0, f"only {', '.join(only)}: Escape shows all   {_FOOT}", Style.FAINT),)
        return ((0, _FOOT, Style.FAINT),)
