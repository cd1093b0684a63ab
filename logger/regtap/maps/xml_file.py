"""XML of others: parsed by the standard library, after its prologue was found harmless."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING
from xml.parsers import expat

from regtap.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MOST_DEPTH = 100  # of elements in elements


class _RootFoundError(Exception):
    """The prologue has ended."""


def root_tag(content: bytes) -> str:
    """Return the name of the root element; with a namespace as `NAMESPACE|NAME`.

    Only the prologue is parsed. Entities can be declared nowhere else, and are refused: a few of them, each made of
    others, grow to gigabytes.

    Raises:
        InputError: It is not XML, or it declares entities.
    """
    found: list[str] = []

    def start(name: str, _: object) -> None:
        found.append(name)
        raise _RootFoundError

    def refuse(*_: object) -> None:
        raise InputError("it declares XML entities, which no register map needs; remove its DOCTYPE")

    parser = expat.ParserCreate(namespace_separator="|")
    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except _RootFoundError:
        return found[0]
    except InputError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise InputError(f"its XML cannot be read ({error}); is it whole?") from error
    raise InputError("its XML has no element; is it whole?")


def parse_xml(content: bytes) -> Element:
    """Return the root element.

    Raises:
        InputError: It is not XML, declares entities, or nests deeper than any map.
    """
    from xml.etree.ElementTree import ParseError, XMLParser

    root_tag(content)
    parser = XMLParser()  # noqa: S314 - what is known against it needs entities
    try:
        parser.feed(content)
        root: Element = parser.close()
    except (ParseError, LookupError, ValueError) as error:
        raise InputError(f"its XML cannot be read ({error}); is it whole?") from error
    _check_depth(root)
    return root


def _check_depth(root: Element) -> None:
    """Raise InputError if elements nest deeper than any map's: searches would take long, or end without memory."""
    level = [root]
    for _ in range(_MOST_DEPTH):
        level = list(chain.from_iterable(level))
        if not level:
            return
    raise InputError(f"its XML nests more than {_MOST_DEPTH} elements in one another; no register map does")


def texts_of(element: Element) -> dict[str, str]:
    """Return the text of each child by the child's name; of several with one name, the first."""
    texts: dict[str, str] = {}
    for child in element:
        text = child.text
        if text is not None and not len(child) and child.tag not in texts:
            texts[child.tag] = text.strip()
    return texts


def one_line(text: str | None) -> str:
    """Return a text with its white space folded."""
    return " ".join(text.split()) if text else ""
