"""The registers of a UIO map, from its numbers in sysfs."""

from __future__ import annotations

from typing import NamedTuple

from regtap.system.kernel import PAGE_BYTES


class UioRange(NamedTuple):
    """The registers of a UIO map.

    Attributes:
        first: Physical address of the first register.
        size_bytes: Number of bytes from there to the end of the map.
        is_mappable: Whether the map is whole pages; the kernel maps no other.
    """

    first: int
    size_bytes: int
    is_mappable: bool


def uio_range(address: int, offset: int, size: int) -> UioRange:
    """Return the range of a map's registers, for old and new kernels.

    Newer kernels (uio_pdrv_genirq) give the address of a page, the offset in the page, and a size that counts from the
    page. Older kernels give the device's own address and size.

    Args:
        address: The map's `addr`.
        offset: The map's `offset`.
        size: The map's `size`, in bytes.
    """
    if address % PAGE_BYTES:
        return UioRange(address, size, is_mappable=False)
    return UioRange(address + offset, max(size - offset, 0), is_mappable=size >= PAGE_BYTES)
