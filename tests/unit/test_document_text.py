"""Texts of others, harmless on a terminal and in Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.documents.text import cut, markdown_text, terminal_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, µs, 日本", "plain, µs, 日本"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\nlines\r\t", r"two\nlines\r\t"),
        ("\udcff", r"\udcff"),
        ("\u202eright to left", r"\u202eright to left"),
        ("\x7f\x9b", r"\x7f\x9b"),
    ],
)
def test_a_terminal_obeys_nothing_in_a_text(text: str, shown: str) -> None:
    assert terminal_text(text) == shown


@given(st.text(st.characters()))
def test_what_is_shown_is_printable_and_can_be_encoded(text: str) -> None:
    assert terminal_text(text).isprintable()
    assert markdown_text(text).encode().decode().isprintable()


def test_a_long_text_is_cut_before_it_is_escaped() -> None:
    assert terminal_text("\x1b" * 10**7, most=3) == r"\x1b\x1b…"
    assert cut("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("<= 5 ns [4, 6] & more", "<= 5 ns [4, 6] & more"),
        ("[here](http://x) [a]: b", r"[here]\(http://x) [a]\: b"),
        ("&lt;b&#62;", "&amp;lt;b&amp;#62;"),
        ("one\n\n# two | three", "one # two / three"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
    ],
)
def test_markdown_finds_no_markup_in_a_text(text: str, shown: str) -> None:
    assert markdown_text(text) == shown
