"""Values for `regtap watch`: a native loop counts changes of registers, and a look reads the counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from regtap import _native
from regtap.clock.source import best_source, frequency_hz, read_clocks
from regtap.sampling.channels import channels_of
from regtap.system.closeable import Closeable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from regtap.registers.model import Field, Register
    from regtap.targets.device import Device

_NS_PER_S = 10**9


@dataclass(frozen=True, slots=True)
class Item:
    """A register, or one of its fields, to be watched.

    Attributes:
        register: The register.
        field: The field; None for the whole register.
    """

    register: Register
    field: Field | None = None

    @property
    def bits(self) -> tuple[int, int]:
        """The lowest bit and the number of bits."""
        if self.field is None:
            return 0, 8 * self.register.width_bytes
        return self.field.lsb, self.field.bits


class Activity(NamedTuple):  # made for each register at each look: a third of a frozen dataclass's cost
    """The changes of an item since the loop began, or since restart().

    Attributes:
        value: Value in the last row; None before the first.
        changes: Rows whose value differs from the row before.
        smallest: The smallest value.
        largest: The largest value.
        unchanged_ns: Time since the last change, or since the beginning.
        recent: The smallest and the largest value since the look before.
        is_faulted: The register had a bus error, and is not read any more; the rest is from before the error.
    """

    value: int | None
    changes: int = 0
    smallest: int = 0
    largest: int = 0
    unchanged_ns: int = 0
    recent: tuple[int, int] = (0, 0)
    is_faulted: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """One look at all items.

    Attributes:
        elapsed_ns: Time since the loop began.
        taken: Rows so far.
        missed: Slots so far in which no row could be taken.
        activities: In the order of the items.
    """

    elapsed_ns: int
    taken: int
    missed: int
    activities: tuple[Activity, ...]


class LiveValues(Closeable):
    """A native loop that reads registers at a fixed rate and counts changes between looks; it stores no rows.

    Each register is read once a row, however many items are of it. Close this object before the device.

    Args:
        device: Opened for the registers; it stays the caller's.
        items: Registers and fields whose changes are counted.
        rate_hz: Rows per second, on an absolute schedule.
        is_device: Whether a real bus lies behind the device.
    """

    def __init__(self, device: Device, items: Sequence[Item], rate_hz: Fraction, *, is_device: bool) -> None:
        registers = {_access(item): item.register for item in items}
        numbers = {access: number for number, access in enumerate(registers)}
        source = best_source(is_device)
        self._ns_per_tick = _NS_PER_S / frequency_hz(source)
        self._monitor = _native.Monitor(
            channels=channels_of(device, list(registers.values())),
            probes=[(numbers[_access(item)], *item.bits) for item in items],
            source=source,
            numerator_ns=_NS_PER_S * rate_hz.denominator,
            denominator=rate_hz.numerator,
        )
        self._begun = read_clocks(source).ticks
        self._monitor.start()

    def look(self) -> Look:
        """Return the counts of this moment; the loop goes on. One thread at a time may call this."""
        look = self._monitor.look()
        return Look(
            elapsed_ns=self._ns_between(self._begun, look.ticks),
            taken=look.taken,
            missed=look.missed,
            activities=tuple(self._activity(found, look.ticks) for found in look.activities),
        )

    def restart(self) -> None:
        """Begin counts, smallest and largest values anew with the next row."""
        self._monitor.restart()

    def retry(self) -> None:
        """Begin to read registers again that had a bus error."""
        self._monitor.retry()

    def close(self) -> None:
        """End the loop; a second call does nothing."""
        self._monitor.stop()

    def _activity(self, found: _native.Activity, now_ticks: int) -> Activity:
        if not found.is_read:
            return Activity(None, is_faulted=found.is_faulted)
        return Activity(
            value=found.value,
            changes=found.changes,
            smallest=found.smallest,
            largest=found.largest,
            unchanged_ns=self._ns_between(found.changed_ticks, now_ticks),
            recent=(found.recent_smallest, found.recent_largest),
            is_faulted=found.is_faulted,
        )

    def _ns_between(self, begin_ticks: int, end_ticks: int) -> int:
        return round(max(0, end_ticks - begin_ticks) * self._ns_per_tick)


def _access(item: Item) -> tuple[int, str]:
    """Return address and type of an item's register; items with equal ones share one access."""
    return item.register.address, item.register.type
