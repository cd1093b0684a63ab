"""Storing changes only: which bits of which registers are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.triggers.names import all_bits
from regtap.units.parse import check_count, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register


@dataclass(frozen=True, slots=True)
class OnChange:
    """The registers and fields in which a row must differ from the row before, to be stored.

    Attributes:
        names: Registers, and fields as `REGISTER.FIELD`; empty: any register.
        heartbeat_ns: A row is stored at least this often; None: it need not be.
    """

    names: tuple[str, ...] = ()
    heartbeat_ns: int | None = None

    def __post_init__(self) -> None:
        if not all(isinstance(name, str) and name for name in self.names):
            raise InputError("what is to change is a name; write --on-change, or --on-change=NAME,...")
        check_count(self.heartbeat_ns, "heartbeat_ns")

    def masks(self, registers: Sequence[Register]) -> list[int]:
        """Return for each register the bits that are looked at: all without names, else 0 where nothing of it is named.

        Raises:
            InputError: A name is not the whole name of a recorded register, or of a field of one.
        """
        if not self.names:
            return [_whole(register) for register in registers]
        masks = [0] * len(registers)
        for name in self.names:
            number, mask = _named(name, registers)
            masks[number] |= mask
        return masks


def _whole(register: Register) -> int:
    return (1 << 8 * register.width_bytes) - 1


def _named(name: str, registers: Sequence[Register]) -> tuple[int, int]:
    for bits in all_bits(registers):
        if bits.name == name:
            return bits.register, bits.mask
    known = " ".join(register.name for register in registers)
    raise InputError(
        f"{quoted(name)} is not recorded, so that it cannot change; name one of {known}, or a field of one"
    )
