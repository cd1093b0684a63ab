"""Tables of TOML and JSON files, with a check for each key."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from regtap.documents.text import terminal_text
from regtap.errors import InputError
from regtap.units.parse import parse_integer, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_NAME = 60  # letters of a key in a message


class Table:
    """A table of a document, with its position in the document.

    Attributes:
        where: Its place, for messages, such as `blocks.UART0`.
    """

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise InputError(f"{where} is {kind_of(content)}, and a table is meant")
        self.where = where
        self._content: dict[str, Any] = content

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def names(self) -> Iterable[str]:
        """Return the keys in their order."""
        return self._content.keys()

    def check_keys(self, known: Sequence[str]) -> None:
        """Raise InputError for an unknown key; the message names the most similar known one."""
        for key in self._content:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                meant = f"did you mean {near[0]}?" if near else f"it can have {', '.join(known)}"
                raise InputError(f"{self.where} has the key {quoted(key)}, which no map has; {meant}")

    def get(self, key: str) -> Any:
        """Return the value of a key, of any type, or None."""
        return self._content.get(key)

    def table(self, key: str) -> Table:
        """Return the table under a key; an empty one if there is none."""
        return Table(self._content.get(key, {}), self._at(key))

    def text(self, key: str, default: str = "") -> str:
        """Return the text under a key."""
        found = self._content.get(key, default)
        if not isinstance(found, str):
            raise InputError(f"{self._at(key)} is {kind_of(found)}, and a text is meant")
        return found

    def word(self, key: str, known: Sequence[str], default: str = "") -> str:
        """Return the text under a key, which is one of the known words or the default."""
        found = self.text(key, default)
        if found != default and found not in known:
            raise InputError(f"{self._at(key)} is {quoted(found)}; use one of {', '.join(known)}")
        return found

    def flag(self, key: str) -> bool:
        """Return whether something holds; not, if the key is missing."""
        found = self._content.get(key, False)
        if not isinstance(found, bool):
            raise InputError(f"{self._at(key)} is {kind_of(found)}; write true or false")
        return found

    def number(self, key: str, least: int = 0, most: int = 2**64 - 1) -> int | None:
        """Return the whole number of a key, or None; the file may spell the number as a text (`"0x10"`)."""
        if key not in self._content:
            return None
        return checked_number(self._content[key], self._at(key), least, most)

    def _at(self, key: str) -> str:
        name = terminal_text(key, _MOST_NAME)
        return f"{self.where}.{name}" if self.where else name


def checked_number(found: object, where: str, least: int = 0, most: int = 2**64 - 1) -> int:
    """Return a whole number in bounds, from a number or from a text such as `"0x10"`.

    Raises:
        InputError: It is none, or out of bounds.
    """
    if isinstance(found, str):
        try:
            found = parse_integer(found)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    if not isinstance(found, int) or isinstance(found, bool):
        raise InputError(f"{where} is {kind_of(found)}, and a whole number is meant")
    if not least <= found <= most:
        raise InputError(f"{where} is {_shown(found)}; it can be {least:#x} to {most:#x}")
    return found


def kind_of(found: object) -> str:
    """Return the type of a value in words, for messages."""
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (int, "a number"),
        (float, "a fraction"),
        (str, "a text"),
        (dict, "a table"),
        (list, "a list"),
        (type(None), "nothing"),
    )
    return next((name for kind, name in kinds if isinstance(found, kind)), "a date")


def _shown(number: int) -> str:
    return f"{number:#x}" if abs(number) < 2**80 else "a number of more than 80 bits"
