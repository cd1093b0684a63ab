"""Maps and names on the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtap.cli.output import print_note
from regtap.errors import InputError
from regtap.maps.lookup import MAP_VARIABLE, NO_MAPS, glob_matcher, is_glob
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from regtap.maps.lookup import Maps
    from regtap.maps.naming import LeftOut
    from regtap.registers.model import Register

_MOST_LISTED = 8  # arbitrary: notes that leave the result on the screen


def maps_of(texts: Sequence[str]) -> Maps:
    """Return the maps of `--map`, or else of REGTAP_MAP."""
    if not texts and not os.environ.get(MAP_VARIABLE):
        return NO_MAPS  # nothing more is imported where there is no map
    from regtap.maps.load import load_maps

    return load_maps(texts, os.environ)


def note_left_out(left_out: Sequence[LeftOut]) -> None:
    """Print a note for each register of a glob that is not read, with the reason."""
    for item in left_out[:_MOST_LISTED]:
        print_note(f"{item.name} is left out: {item.reason}")
    rest = left_out[_MOST_LISTED:]
    if rest:
        print_note(f"left out for such reasons too: {', '.join(item.name for item in rest)}")


def note_unmarked(registers: Sequence[Register], left_out: Sequence[LeftOut]) -> None:
    """Print a note if no register is marked as changed by a read: a missing mark is no proof."""
    from regtap.maps.effects import own_effect

    is_marked = any(item.is_effect for item in left_out) or any(own_effect(it) for it in registers)
    if not is_marked:
        print_note("no register here is marked as changed by a read, and vendors often leave that out")


def selected_names(texts: Iterable[str], registers: Mapping[str, Register]) -> frozenset[str]:
    """Return the names that texts select among registers that were read before, by the rules for maps.

    Args:
        texts: Names, unambiguous tails of names, or globs, which match full names or else tails.
        registers: By name.

    Raises:
        InputError: A text selects no register, or several although it is no glob, or it names a field.
    """
    return frozenset(name for text in texts for name in _selected(text, registers))


def _selected(text: str, registers: Mapping[str, Register]) -> Iterator[str]:
    if is_glob(text):
        yield from _matching(text, list(registers))
        return
    from regtap.triggers.names import UnknownNameError, find_bits

    described = list(registers.values())
    try:
        bits = find_bits(text, described)
    except UnknownNameError as error:
        raise InputError(str(error)) from None
    name = described[bits.register].name
    if bits.field is not None:
        raise InputError(f"{bits.name} is a field; name its register {name}")
    yield name


def _matching(glob: str, names: Sequence[str]) -> list[str]:
    for match in (glob_matcher(glob), glob_matcher(glob, tails=True)):
        if found := [name for name in names if match(name)]:
            return found
    from regtap.maps.nearest import nearest

    near = nearest(glob.strip("*?."), names)
    hint = f"; the nearest are {', '.join(near)}" if near else ""
    raise InputError(f"{quoted(glob)} selects no register{hint}")
