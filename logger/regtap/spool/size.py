"""The size of a spool, and the errors for a machine without room for one."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from regtap.errors import RefusedError
from regtap.spool.layout import BLOCK_HEADER_BYTES, GAP, HEADER, PAGE, round_up
from regtap.spool.location import LEAST_BYTES, SHARED_MEMORY, default_spool_bytes
from regtap.system.permissions import describe_node
from regtap.system.remedies import remedy_for
from regtap.units.format import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.system.memory import Memory

_LARGE_BYTES = 64 << 20
_MOST_BLOCKS = (
    1024  # of a ring: a stretch of a trigger takes a block at least, and 4,096 are told (core/stretches.hpp)
)
# Of a ring with more blocks than usual: a table of 128 gaps takes 5 KiB of each.
_LEAST_BLOCK_BYTES = 32 << 10


def default_size_bytes(memory: Memory | None, folder: str = SHARED_MEMORY) -> int:
    """Return the size of a spool without --spool-size, by the free memory.

    Args:
        memory: The memory that this process may still use; None: not known.
        folder: The folder of spools.

    Raises:
        RefusedError: There is no such folder.
    """
    try:
        status = os.statvfs(folder)
    except OSError as error:
        raise no_room(LEAST_BYTES, error) from error
    return default_spool_bytes(
        status.f_bavail * status.f_frsize, None if memory is None else memory.available_bytes
    )


def free_size_bytes(memory: Memory | None) -> int:
    """Return the default size of a spool, after a check that there is room for the smallest one.

    Args:
        memory: The memory that this process may still use; None: not known.

    Raises:
        RefusedError: There is no room for even the smallest spool.
    """
    size_bytes = default_size_bytes(memory)
    if size_bytes < LEAST_BYTES:
        raise no_room(LEAST_BYTES, OSError(errno.ENOSPC, ""))
    return size_bytes


def check_memory(size_bytes: int, memory: Memory | None) -> None:
    """Check that a spool fits into memory: all its pages are made present, and the kernel kills a process for too many.

    Args:
        size_bytes: Size of the spool.
        memory: The memory that this process may still use; None: not known.

    Raises:
        RefusedError: The spool does not fit, even with all free swap.
    """
    if memory is None or size_bytes <= memory.available_bytes + memory.swap_bytes:
        return
    raise RefusedError(
        f"a spool of {format_size(size_bytes)} does not fit into the {format_size(memory.available_bytes)} that "
        f"{memory.bound} leaves",
        remedy="give a smaller --spool-size",
        errno=errno.ENOMEM,
    )


def needed_bytes(rows: int, widths: Sequence[int], document_bytes: int) -> int:
    """Return the size of a spool that holds a number of rows in half of its ring.

    Args:
        rows: The number of rows.
        widths: Bytes of each column's elements: of ticks, of each register, of the latency if any.
        document_bytes: Size of the spool's document.
    """
    # Over twice the rows: a part is closed when it holds half of the ring, and this one is to be the only part.
    size_bytes = _laid_out(5 * rows, widths, document_bytes, shape_of(0))
    if size_bytes < _LARGE_BYTES:
        return size_bytes
    return max(_LARGE_BYTES, _laid_out(5 * rows, widths, document_bytes, shape_of(_LARGE_BYTES)))


def shape_of(size_bytes: int, most_block_bytes: int | None = None) -> tuple[int, int]:
    """Return the number of blocks in a spool of a size, and of gap table entries in each.

    Arbitrary: a block is the unit that is handed over, sealed in time and given back, so that there are to be many;
    and a table of gaps is to take a small part of a block.

    Args:
        size_bytes: Size of the spool.
        most_block_bytes: Size of a block at most, in a spool of at most largest_spool_bytes(); None: any.
    """
    shape = (128, 1024) if size_bytes >= _LARGE_BYTES else (32, 128)
    if most_block_bytes is None:
        return shape
    blocks = -(-size_bytes // max(most_block_bytes, _LEAST_BLOCK_BYTES))
    return shape if blocks <= shape[0] else (min(blocks, _MOST_BLOCKS), 128)


def largest_spool_bytes(most_block_bytes: int) -> int:
    """Return the size of the largest spool whose blocks are no larger than that."""
    return _MOST_BLOCKS * max(most_block_bytes, _LEAST_BLOCK_BYTES)


def _laid_out(half_rows: int, widths: Sequence[int], document_bytes: int, shape: tuple[int, int]) -> int:
    """Return the size of a spool as core/spool.cpp (fit) lays it out, padding included.

    Args:
        half_rows: Twice the number of rows: two and a half times a number is then whole.
        widths: Bytes of each column in a row.
        document_bytes: Size of the capture's description.
        shape: The number of blocks, and of gaps that each has room for.
    """
    blocks, gaps = shape
    tables = round_up(BLOCK_HEADER_BYTES + gaps * GAP.itemsize, 64) + 64 * (len(widths) + 1) + PAGE
    block_bytes = tables + -(-half_rows // (2 * blocks)) * sum(widths)
    header_bytes = round_up(round_up(HEADER.itemsize + 4 * len(widths), 64) + document_bytes, PAGE)
    return header_bytes + (blocks + 1) * block_bytes


def no_room(size_bytes: int, error: OSError, left: str = "") -> RefusedError:
    """Return the error for a spool that cannot be made.

    Args:
        size_bytes: Its size.
        error: The refusal of the kernel.
        left: Text for the message, where something could not be removed again.
    """
    room = format_size(size_bytes)
    if error.errno == errno.ENOSPC:
        cause = f"{SHARED_MEMORY} has no room for a spool of {room}"
    else:
        cause = f"cannot have a spool of {room} in {SHARED_MEMORY}: {os.strerror(error.errno or 0)}"
    return RefusedError(cause + left, remedy=_remedy(size_bytes, error), errno=error.errno)


def _remedy(size_bytes: int, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"mount a tmpfs there (mkdir -p {SHARED_MEMORY}, mount -t tmpfs tmpfs {SHARED_MEMORY})"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"chmod 1777 {SHARED_MEMORY}, which is {describe_node(SHARED_MEMORY)}"
    if error.errno == errno.ENOSPC and size_bytes <= LEAST_BYTES:  # there is no smaller one
        return f"free some of it, or mount it larger (mount -o remount,size=64M {SHARED_MEMORY})"
    return remedy_for(error, "free some of it, or give a smaller --spool-size")
