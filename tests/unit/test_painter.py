"""The bytes by which `regtap watch` changes a screen."""

from __future__ import annotations

import curses
import os

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.watch.painter import Painter
from regtap.watch.table import Span, Style, plain_text

HEIGHT, WIDTH = 4, 12
# What pyte knows of each style: colours, bold, underlined, in reverse.
PLAIN = ("default", "default", False, False, False)
COLORED = {
    Style.PLAIN: PLAIN,
    Style.FAINT: ("cyan", "default", False, False, False),
    Style.HEADING: ("default", "default", True, False, False),
    Style.FRESH: ("black", "brown", False, False, False),
    Style.RECENT: ("brown", "default", True, False, False),
    Style.FADING: ("brown", "default", False, False, False),
    Style.FAULT: ("white", "red", True, False, False),
    Style.DIFFERENT: ("black", "cyan", False, False, False),
}
UNCOLORED = {
    Style.PLAIN: PLAIN,
    Style.FAINT: PLAIN,  # dim, which pyte does not tell
    Style.HEADING: ("default", "default", True, True, False),
    Style.FRESH: ("default", "default", False, False, True),
    Style.RECENT: ("default", "default", True, True, False),
    Style.FADING: ("default", "default", True, False, False),
    Style.FAULT: ("default", "default", True, False, True),
    Style.DIFFERENT: ("default", "default", False, False, True),
}
TEXT = st.text("ab 0┃▁", max_size=8)


@st.composite
def lines(draw: st.DrawFn) -> tuple[Span, ...]:
    """Return a line of spans, from left to right, which may go beyond the screen."""
    spans: list[Span] = []
    x = 0
    for text in draw(st.lists(TEXT, max_size=4)):
        x += draw(st.integers(0, 3))
        spans.append((x, text, draw(st.sampled_from(Style))))
        x += len(text)
    return tuple(spans)


@pytest.fixture(scope="module", autouse=True)
def terminal() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    curses.setupterm(term="linux", fd=null)
    os.close(null)


@given(st.booleans(), st.lists(st.lists(lines(), max_size=HEIGHT + 1), min_size=1, max_size=6))
def test_a_screen_shows_the_lines_whatever_it_showed_before(
    has_colors: bool, screens: list[list[tuple[Span, ...]]]
) -> None:
    painter, screen = Painter("utf-8", has_colors=has_colors), pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    stream.feed("\r\n".join(["x" * (WIDTH - 1)] * HEIGHT).encode())

    for wanted in screens:
        stream.feed(painter.changes(wanted, HEIGHT, WIDTH))

        whole = [*wanted, *[()] * HEIGHT][:HEIGHT]
        shown = [plain_text(line)[:WIDTH].rstrip() for line in whole]
        shown[-1] = shown[-1][: WIDTH - 1].rstrip()  # the last cell would scroll some terminals
        assert [line.rstrip() for line in screen.display] == shown
        styles = COLORED if has_colors else UNCOLORED
        for y, line in enumerate(whole):
            cells = {x + at: styles[style] for x, text, style in line for at in range(len(text))}
            for x in range(WIDTH - 1):
                assert look_of(screen.buffer[y][x]) == cells.get(x, PLAIN)


def look_of(cell: pyte.screens.Char) -> tuple[str, str, bool, bool, bool]:
    return cell.fg, cell.bg, cell.bold, cell.underscore, cell.reverse


def test_what_stays_is_not_written_again() -> None:
    painter = Painter("utf-8", has_colors=True)
    name, old, new = (0, "NAME", Style.PLAIN), (6, "0x01", Style.FRESH), (6, "0x02", Style.FRESH)

    first = painter.changes([(name, old)], HEIGHT, WIDTH)
    second = painter.changes([(name, new)], HEIGHT, WIDTH)

    assert b"NAME" in first
    assert b"NAME" not in second
    assert b"0x02" in second
    assert painter.changes([(name, new)], HEIGHT, WIDTH) == b""


def test_after_the_screen_was_cleared_all_is_written() -> None:
    painter = Painter("utf-8", has_colors=False)
    line: tuple[Span, ...] = ((0, "NAME", Style.PLAIN),)
    painter.changes([line], HEIGHT, WIDTH)

    painter.forget()

    assert b"NAME" in painter.changes([line], HEIGHT, WIDTH)


def test_what_the_encoding_lacks_is_a_question_mark() -> None:
    painter = Painter("ascii", has_colors=False)

    assert b"a?b" in painter.changes([((0, "a▁b", Style.PLAIN),)], HEIGHT, WIDTH)
