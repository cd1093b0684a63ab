"""Arms for reads of many bytes at once: by single loads, by memcpy, and by pread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from regtap.errors import AddressError
from regtap.units.format import format_size
from regtap_bench import _native
from regtap_bench.arms.base import BULK, THROUGHPUT, AccessArm, BlockRunner
from regtap_bench.arms.native_arms import find_arm

if TYPE_CHECKING:
    from regtap.registers.model import Register
    from regtap_bench.arms.site import Sites

BULK_SIZES = tuple(4 << power for power in range(19))  # 4 B to 1 MiB
LOADS, MEMCPY, PREAD_AT_ONCE = "loads", "memcpy", "pread"
BULK_WAYS = (LOADS, MEMCPY, PREAD_AT_ONCE)
_LEAST_LOAD_BYTES = 4
# No range of a device is known to be safe: what a read does there is known of the named register only.
_ON_A_DEVICE = {
    LOADS: "on a device it would read the register's neighbours, whose reads may have side effects",
    MEMCPY: "on a device memcpy reads at widths of its own choosing, and the register's neighbours too",
    PREAD_AT_ONCE: "on a device it would read the register's neighbours, at widths of the kernel's choosing",
}


@dataclass(frozen=True)
class BulkArm(AccessArm):
    """A read of many bytes; one access reads all of them.

    Attributes:
        way: One of BULK_WAYS.
        size_bytes: The number of bytes, a power of two.
        load_bytes: Width of a single load.
        index: In _native.arms().
    """

    kind: ClassVar[str] = "bulk"
    cadence: ClassVar[str] = BULK
    least: ClassVar[int] = 1

    way: str
    size_bytes: int
    load_bytes: int
    index: int

    @property
    def touches_mapping(self) -> bool:
        """Whether the arm reaches the register by a mapping."""
        return self.way != PREAD_AT_ONCE

    def refusal(self, sites: Sites) -> str:
        """Return the reason for which this target cannot have the arm, or an empty text."""
        if sites.target.is_device:
            return _ON_A_DEVICE[self.way]
        if self.size_bytes < self.load_bytes:
            return f"the register is read by loads of {self.load_bytes} B"
        if self.way == PREAD_AT_ONCE and sites.read.calls_refused:
            return sites.read.calls_refused
        try:
            sites.bulk(self.size_bytes, self.load_bytes)
        except AddressError:
            return "the target has no aligned block of that size around the register"
        return ""

    def block(self, sites: Sites, measure: str) -> BlockRunner:  # noqa: ARG002 - there is only one
        """Return the function to run a block of the arm; valid while the sites are open."""
        run, index = sites.bulk(self.size_bytes, self.load_bytes).measure, self.index
        return lambda count: run(index, False, count)


def bulk_arms(register: Register) -> list[BulkArm]:
    """Return all bulk arms, by size; single loads have the width of the register, at least 32 bits."""
    load_bytes = max(_LEAST_LOAD_BYTES, register.width_bytes)
    return [_bulk_arm(way, size_bytes, load_bytes) for size_bytes in BULK_SIZES for way in BULK_WAYS]


def _bulk_arm(way: str, size_bytes: int, load_bytes: int) -> BulkArm:
    index, arm = find_arm(f"bulk {way}")
    calls = 1 if arm.needs == _native.Needs.calls else 0
    name = f"{format_size(size_bytes)} by {way}"
    return BulkArm(name, arm.description, (THROUGHPUT,), calls, way, size_bytes, load_bytes, index)
