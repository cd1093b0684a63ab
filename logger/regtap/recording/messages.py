"""Errors and warnings of a capture, in the user's words."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import numpy as np

from regtap.errors import BusFaultError, FaultError, StorageError
from regtap.journal.layout import all_segments
from regtap.spool.location import SMALL_BYTES
from regtap.units.format import format_duration_ns, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.recording.stretches import Caught
    from regtap.registers.model import Register
    from regtap.sampling.sampler import Progress
    from regtap.spool.ring import Ring
    from regtap.system.memory import Memory

_RT_RUNTIME = "/proc/sys/kernel/sched_rt_runtime_us"


def scheduling_warnings(realtime: bool, *, free_running: bool) -> list[str]:
    """Return the warnings about scheduling before a capture, a line each.

    Args:
        realtime: Whether the sampling thread is to be SCHED_FIFO.
        free_running: Whether the capture has no rate.
    """
    if not realtime or not free_running:
        return []
    try:
        with open(_RT_RUNTIME, encoding="ascii") as file:
            throttled = int(file.read()) >= 0
    except (OSError, ValueError):
        throttled = True
    if not throttled:
        return []
    return [
        "the kernel stops a busy real-time thread for up to 50 ms each second: "
        f"write -1 to {_RT_RUNTIME}, or pace the capture"
    ]


def thread_warnings(cpu_errno: int, priority_errno: int) -> list[str]:
    """Return a line for each refusal of the system to the sampling thread; an errno of 0 is none."""
    refused = []
    if cpu_errno:
        refused.append(f"the sampling thread could not be pinned: {os.strerror(cpu_errno)}")
    if priority_errno:
        refused.append(f"the sampling thread could not become SCHED_FIFO: {os.strerror(priority_errno)}")
    return refused


def trigger_notes(caught: Caught | None) -> list[str]:
    """Return the notes on a trigger that held from the beginning, or whose pre-trigger the spool cannot hold."""
    notes = []
    if caught is not None and caught.held_at_start:
        notes.append(
            f"the trigger {caught.expression} held at the start already, which is no hit: it strikes when it becomes "
            "true"
        )
    if caught is not None and caught.short_pre_ns is not None:
        notes.append(
            f"this spool holds a pre-trigger of {format_duration_ns(caught.short_pre_ns)} only at the rate of this "
            "capture; give a larger --spool-size, or a --rate"
        )
    return notes


_ABSENT = "a device that is gone, asleep or not enabled reads like that, without an error"


def storage_fault(failure: OSError, output: str, kept: str | None) -> StorageError:
    """Return the error for a writer that the disk has refused.

    Args:
        failure: The refusal.
        output: The trace's folder.
        kept: Path of the spool or the journal with the samples that are in no part; None: they are lost.
    """
    where = os.path.join(output, failure.filename) if isinstance(failure.filename, str) else output
    return StorageError(
        f"cannot write to {where}: {os.strerror(failure.errno or errno.EIO)}; {_what_to_do(output, kept)}",
        path=output,
        errno=failure.errno,
    )


def snapshot_fault(output: str, failure: OSError | None = None) -> StorageError:
    """Return the error for a snapshot that is not stored.

    Args:
        output: The trace's folder.
        failure: The refusal of the disk; None: it came before this snapshot's turn.
    """
    number = None if failure is None else failure.errno
    reason = "the capture ended before" if failure is None else os.strerror(number or errno.EIO)
    return StorageError(
        f"a snapshot of {output} is not stored: {reason}; after the capture `regtap recover {output}` stores what the "
        "spool holds",
        path=output,
        errno=number,
    )


def gone_fault(output: str) -> StorageError:
    """Return the error for a trace in a folder without a path: its disk was unmounted, or it was removed."""
    return StorageError(
        f"{output} is gone: what was stored in it is lost, because its disk was unmounted or the folder removed "
        "meanwhile; mount the disk for the whole capture",
        path=output,
    )


def bus_fault(progress: Progress, registers: Sequence[Register], became: str) -> FaultError:
    """Return the error for a loop that a bus error ended.

    Args:
        progress: Progress of the loop.
        registers: In the order of access.
        became: A change of the device that the system reports; empty: there is none.
    """
    if progress.fault_channel < 0:
        return FaultError("bus error inside a mapped window, at no register of this capture")
    register = registers[progress.fault_channel]
    return BusFaultError(register.name, register.address, progress.taken, became)


def odd_ending(ring: Ring) -> list[str]:
    """Return a line if the last sample is all ones or all zeros, as from a device that does not answer."""
    sealed = ring.sealed()
    block = ring.block(sealed - 1) if sealed else None
    if block is None or not block.rows:
        return []
    last = [(int(column[-1]), np.iinfo(column.dtype).max) for column in block.columns]
    if all(value == most for value, most in last):
        return [f"the last sample is all ones in every register: {_ABSENT}"]
    if all(value == 0 for value, _ in last):
        return [f"the last sample is 0 in every register: {_ABSENT}"]
    return []


def _what_to_do(output: str, kept: str | None) -> str:
    if kept is None:
        return "the rest is lost, because the spool that held it was removed meanwhile"
    where = "on disk" if kept == all_segments(output) else "in memory"
    if os.path.isdir(output):
        return f"the rest is kept {where} ({kept}): mend that, then `regtap recover {output}`"
    return (
        f"the rest is kept {where} ({kept}), but {output} is gone: "
        f"`regtap recover {kept} -o {output}` makes a new one of it"
    )


def small_spool_warnings(size_bytes: int, memory: Memory | None) -> list[str]:
    """Return the warnings about a default spool that is smaller than the capture could use, a line each.

    Args:
        size_bytes: Size of the spool.
        memory: The memory that this process may still use; None: not known.
    """
    if memory is not None and size_bytes == memory.available_bytes // 4:
        return [
            f"the spool has {format_size(size_bytes)}, a quarter of what {memory.bound} leaves: stalls of the disk may "
            "fill it"
        ]
    if size_bytes < SMALL_BYTES:
        return [f"the spool has {format_size(size_bytes)} only: short stalls of the disk may fill it"]
    return []
