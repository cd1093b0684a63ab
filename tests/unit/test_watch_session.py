"""The live view of `regtap watch` without a terminal: first line, help, messages, rates."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from regtap.cli.signals import EndSignals
from regtap.commands.watch import _Looks
from regtap.maps.naming import Chosen
from regtap.registers.model import Register
from regtap.sampling.live import Activity, LiveValues, Look
from regtap.watch.help import help_lines
from regtap.watch.screen import Key, Screen
from regtap.watch.session import Session
from regtap.watch.table import Span, plain_text
from regtap.watch.values import History, lines_of

SECOND = 10**9
REGISTER = Register("STATUS", 0)


def look(elapsed_ns: int, taken: int, changes: int, missed: int = 0) -> Look:
    return Look(elapsed_ns, taken, missed, (Activity(7, changes, 0, 9, 0, (0, 9)),))


def history() -> History:
    return History(lines_of([Chosen(REGISTER)]))


@dataclass
class _Values:
    """A loop that is looked at each time at the same moment."""

    now: Look

    def look(self) -> Look:
        return self.now


@dataclass
class _Screen:
    """A screen on which keys are pressed, and then the view ends."""

    height: int
    width: int
    keys: deque[str | Key] = field(default_factory=deque)
    is_ascii: bool = True
    is_gone: bool = False
    shown: list[str] = field(default_factory=list)

    def size(self) -> tuple[int, int]:
        return self.height, self.width

    def paint(self, lines: Sequence[tuple[Span, ...]]) -> None:
        self.shown = [plain_text(line)[: self.width] for line in lines]

    def key(self, _timeout_s: float) -> str | Key | None:
        self.is_gone = len(self.keys) <= 1
        return self.keys.popleft() if self.keys else None


@dataclass
class _Recorder:
    """A recording that runs, or none."""

    text: str = ""
    output: str = ""

    def toggle(self) -> str:
        return "recording"

    def status(self) -> str:
        return self.text


def screen_after(
    *keys: str | Key,
    size: tuple[int, int] = (24, 80),
    recorder: _Recorder | None = None,
    now: Look | None = None,
) -> list[str]:
    """Return the lines of the screen after some keys, each cut at its width."""
    screen = _Screen(*size, deque(keys))
    session = Session(
        cast(Screen, screen),
        cast(LiveValues, _Values(now or look(SECOND, 10_000, 5))),
        history(),
        recorder=recorder or _Recorder(),
        title="sim",
        presence=lambda: "",
    )
    session.run(60.0, lambda: False)
    return screen.shown


def test_the_first_look_has_rates_from_the_loops_beginning() -> None:
    view = history().add(look(2 * SECOND, 20_000, 1_800))

    assert (view.rate_hz, view.rows[0].rate_hz, view.rows[0].new_changes) == (10_000, 900, 1_800)


def test_counts_that_begin_anew_have_a_rate_since_the_last_look() -> None:
    looks = history()
    looks.add(look(SECOND, 10_000, 500))

    view = looks.add(look(3 * SECOND, 30_000, 40))

    assert (view.rows[0].rate_hz, view.rows[0].new_changes) == (20, 40)
    assert view.rate_hz == 10_000


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_the_help_is_wrapped_to_the_width(width: int) -> None:
    lines = help_lines(width)

    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    assert "Escape shows all again" in words
    assert "counted by the loop between two screens" in words


def test_a_help_higher_than_the_screen_scrolls_until_another_key() -> None:
    size = (10, 40)
    every = help_lines(40)

    assert screen_after("?", size=size)[1:9] == every[:8]
    assert screen_after("?", Key.DOWN, "j", Key.UP, size=size)[1:9] == every[1:9]
    assert screen_after("?", Key.END, size=size)[1:9] == every[-8:]
    assert screen_after("?", Key.END, Key.HOME, Key.RESIZE, size=size)[1:9] == every[:8]
    assert screen_after("?", Key.END, "x", size=size)[1].startswith("NAME")
    assert screen_after("?", Key.END, "x", "?", size=size)[1:9] == every[:8]


def test_a_recording_leaves_room_for_missed_slots() -> None:
    recorder = _Recorder("RECORDING 12.3 s, 123,456 samples", "regtap-watch-20261129-191536")

    first = screen_after("p", recorder=recorder, now=look(70 * SECOND, 700_000, 5, missed=1_234))[0]

    assert first.startswith("PAUSED  RECORDING 12.3 s, 123,456 samples  1,234 slots missed  into regtap")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("s",), "snapshot taken; c shows only what differs from it, S drops it"),
        (("s", "S"), "snapshot dropped"),
        (("S",), "there is no snapshot to drop; s takes one"),
        (("s", "c"), "only what differs: Escape shows all"),
        (("s", "p"), "? help"),
    ],
)
def test_the_last_line_is_about_the_last_key(keys: tuple[str, ...], said: str) -> None:
    assert screen_after(*keys)[-1].startswith(said)


def test_the_first_view_waits_for_the_first_row() -> None:
    seen = deque([look(5, 0, 0), look(6, 0, 0), look(7, 1, 0), look(8, 1, 0)])
    loop = cast("LiveValues", SimpleNamespace(look=seen.popleft))
    looks = _Looks(loop, history(), 0.0, cast("EndSignals", SimpleNamespace(count=0)))

    assert next(looks.views()).taken == 1
    assert len(seen) == 1  # and looks no more often than it must
