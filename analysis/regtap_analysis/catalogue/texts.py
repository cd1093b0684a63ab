"""Texts from traces, for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text on one line, with signs that a terminal would act on escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
