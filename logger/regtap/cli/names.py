"""Maps and names on the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtap.cli.output import print_note
from regtap.maps.lookup import MAP_VARIABLE, NO_MAPS

if TYPE_CHECKING:
    from collections.abc import Sequence

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
