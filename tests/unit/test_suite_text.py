"""The suite as text: names that fit a line of pytest's report, and files that hold one idea each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEXTS = {str(path.relative_to(TESTS)): path.read_text() for path in sorted(TESTS.rglob("*.py"))}
MOST_LETTERS = 60
MOST_LINES = 500


def long_names(text: str) -> Iterator[str]:
    """Yield the names of tests that have too many letters."""
    for name in re.findall(r"^\s*(?:async )?def (test_\w+)", text, re.MULTILINE):
        if len(name) > MOST_LETTERS:
            yield name


@pytest.mark.parametrize(("letters", "is_long"), [(MOST_LETTERS, False), (MOST_LETTERS + 1, True)])
@pytest.mark.parametrize("before", ["def ", "async def ", "class TestIt:\n    def "])
def test_a_name_is_long_from_one_letter_too_many(before: str, letters: int, is_long: bool) -> None:
    name = "test_".ljust(letters, "x")

    assert list(long_names(f"import os\n\n\n{before}{name}() -> None:\n")) == [name] * is_long


def test_names_of_tests_have_at_most_sixty_letters() -> None:
    found = {file: names for file, text in TEXTS.items() if (names := list(long_names(text)))}

    assert found == {}


def test_files_of_tests_have_at_most_five_hundred_lines() -> None:
    found = {file: lines for file, text in TEXTS.items() if (lines := text.count("\n")) > MOST_LINES}

    assert found == {}
