"""Compares the values of registers at two moments, by register and by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.maps.decode import spell_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regtap.maps.dump_file import Reading
    from regtap.registers.model import Register


@dataclass(frozen=True, slots=True)
class Difference:
    """A register with different values at two moments.

    Attributes:
        register: Its description at the first moment, or at the second where it is only there.
        before: Its value at the first moment, or None where it is not there.
        after: Its value at the second moment, or None.
    """

    register: Register
    before: int | None
    after: int | None

    def fields(self) -> Iterator[str]:
        """Yield each change of a field, such as `MODE: 0 (SLOW) -> 2 (FAST)`; nothing if a moment has no value."""
        if self.before is None or self.after is None:
            return
        for field in self.register.fields:
            old, new = field.extract(self.before), field.extract(self.after)
            if old != new:
                yield f"{field.name}: {spell_number(field, old)} -> {spell_number(field, new)}"


def compare(before: Mapping[str, Reading], after: Mapping[str, Reading]) -> list[Difference]:
    """Return the registers that differ, in the order of the first moment; registers of only the second come last.

    Args:
        before: Values at the first moment, by name.
        after: Values at the second moment, by name.
    """
    found: list[Difference] = []
    for name in dict.fromkeys((*before, *after)):
        first, second = before.get(name), after.get(name)
        old, new = (None if it is None else it.value for it in (first, second))
        described = first or second
        if old != new and described is not None:
            found.append(Difference(described.register, old, new))
    return found
