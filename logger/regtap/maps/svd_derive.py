"""Follows `derivedFrom` of CMSIS-SVD."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.model import MOST_REGISTERS, Repeat
from regtap.maps.svd_numbers import parse_labels, parse_number
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

_MOST_STEPS = 100  # of derivations of derivations
_HOLDERS = ("peripherals", "registers", "fields")
_NAMED = ("peripheral", "cluster", "register", "field", "enumeratedValues")


class Derivation:
    """Follows `derivedFrom` in one file.

    A path is looked for among the elements beside the one that derives, then from the peripherals down; the order
    of the file does not matter. (As the authors of svdconv describe it: Open-CMSIS-Pack/devtools, issue 815.)

    Attributes:
        device: The root element.
    """

    def __init__(self, device: Element) -> None:
        self.device = device
        self._chains: dict[Element, tuple[Element, ...]] = {}
        self._following: set[Element] = set()

    def chain(self, element: Element) -> tuple[Element, ...]:
        """Return an element, the element that it is derived from, and so on to the end of the chain.

        Raises:
            InputError: A path leads nowhere, in a circle, or into what holds the element.
        """
        if "derivedFrom" not in element.attrib:
            return (element,)
        found = self._chains.get(element)
        if found is None:
            if element in self._following:
                raise InputError(f"{self._where(element)} is derived from itself, in a circle; mend the map")
            self._following.add(element)
            found = self._chains[element] = (element, *self.chain(self._base(element)))
            self._following.discard(element)
        return found

    def _base(self, element: Element) -> Element:
        path = element.attrib["derivedFrom"].strip()
        if len(self._following) > _MOST_STEPS:
            raise InputError(
                f"{self._where(element)} ends a chain of {_MOST_STEPS} derivations; mend the map"
            )
        base = self._find(element, path)
        if base is None:
            which = "itself" if path == _name(element) else f"{quoted(path)}, which is not in the map"
            raise InputError(f"{self._where(element)} is derived from {which}; mend the map")
        if base in self._above(element):
            raise InputError(f"{self._where(element)} is derived from {quoted(path)}, which holds it")
        return base

    def _find(self, element: Element, path: str) -> Element | None:
        names = path.split(".")
        if element.tag == "enumeratedValues":
            return self._find_values(element, names)
        scope = next(self._above(element), self.device)
        for start in (*self.chain(scope), self.device):
            found = next(self._descend(start, names, element), None)
            if found is not None:
                return found
        return None

    def _find_values(self, element: Element, names: list[str]) -> Element | None:
        """Search ever wider scopes: the standard calls a bare name unique, and does not say in which scope."""
        for scope in (*self._above(element), self.device):
            found = next(self._descend(scope, names, element), None)
            if found is not None:
                return found
        for scope in (*self._above(element), self.device) if len(names) == 1 else ():
            for candidate in scope.iter("enumeratedValues"):
                if candidate is not element and _name(candidate) == names[0]:
                    return candidate
        return None

    def _descend(self, scope: Element, names: list[str], deriving: Element) -> Iterator[Element]:
        """Yield the elements at a path within a scope that are of the deriving element's kind."""
        for child in _children(scope):
            if child is deriving or not self._is_called(child, names[0]):
                continue
            if len(names) == 1:
                if child.tag == deriving.tag:
                    yield child
                continue
            for holder in self.chain(child):
                yield from self._descend(holder, names[1:], deriving)

    def _is_called(self, element: Element, name: str) -> bool:
        """Return whether a name is that of an element, or of one repetition of an array."""
        own = _name(element)
        if own == name or "%s" not in own:
            return own == name
        return any(self._is_one_of(element, pattern, name) for pattern in (own, own.replace("[%s]", "%s")))

    def _is_one_of(self, element: Element, pattern: str, name: str) -> bool:
        head, _, tail = pattern.partition("%s")
        if name == head + tail:
            return True
        if not (name.startswith(head) and name.endswith(tail) and len(name) > len(head) + len(tail)):
            return False
        chain = self.chain(element)
        dim = next((text for it in chain if (text := it.findtext("dim"))), "1")
        count = parse_number(dim.strip(), pattern)
        if not 0 < count <= MOST_REGISTERS:
            return False
        index = next((text for it in chain if (text := it.findtext("dimIndex"))), None)
        repeat = Repeat(count, 0, parse_labels(index, count, pattern))
        return repeat.index(name[len(head) : len(name) - len(tail)]) is not None

    def _above(self, element: Element) -> Iterator[Element]:
        """Yield the elements around an element, from the inside out."""
        current = self._parents.get(element)
        while current is not None:
            if current.tag not in _HOLDERS:
                yield current
            current = self._parents.get(current)

    @cached_property
    def _parents(self) -> dict[Element, Element]:
        parents: dict[Element, Element] = {}
        waiting = [self.device]
        while waiting:
            element = waiting.pop()
            for child in element:
                if child.tag in _NAMED or child.tag in _HOLDERS:
                    parents[child] = element
                    waiting.append(child)
        return parents

    def _where(self, element: Element) -> str:
        names = [_name(above) for above in self._above(element) if above is not self.device]
        return f"{element.tag} {'.'.join([*reversed(names), _name(element) or '?'])}"


def _children(element: Element) -> Iterator[Element]:
    for child in element:
        if child.tag in _HOLDERS:
            yield from _children(child)
        elif child.tag in _NAMED:
            yield child


def _name(element: Element) -> str:
    return (element.findtext("name") or "").strip()
