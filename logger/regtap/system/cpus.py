"""The CPUs of the sampling thread and of the writer, and their sleep states."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from typing import TYPE_CHECKING

from regtap.errors import InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DMA_LATENCY = "/dev/cpu_dma_latency"
_CPUS = "/sys/devices/system/cpu"
_captures = itertools.count()


def choose_cpus(wanted: int | None) -> tuple[int | None, set[int]]:
    """Return the sampling thread's CPU and the writer's CPUs (none: leave it alone).

    Captures take turns on the upper half of the CPUs, beginning at a place that differs from process to process;
    the first CPUs serve most interrupts.

    Raises:
        InputError: There is no such CPU. (One that is kept from ordinary processes by isolcpus is welcome.)
    """
    allowed = sorted(os.sched_getaffinity(0))
    if wanted is not None and wanted not in allowed and not os.path.exists(f"{_CPUS}/cpu{wanted}"):
        raise InputError(f"there is no CPU {wanted}; this process may use {', '.join(map(str, allowed))}")
    if len(allowed) == 1:
        return wanted, set()
    upper = allowed[len(allowed) // 2 :]
    cpu = upper[(os.getpid() + next(_captures)) % len(upper)] if wanted is None else wanted
    return cpu, set(allowed) - {cpu}


@contextlib.contextmanager
def low_latency(realtime: bool) -> Iterator[None]:
    """Keep all CPUs out of deep sleep inside the `with` block, if `realtime` is set.

    Raises:
        RefusedError: The kernel does not let us ask for it.
    """
    if not realtime:
        yield
        return
    try:
        fd = os.open(_DMA_LATENCY, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedError(
            f"cannot open {_DMA_LATENCY}: {os.strerror(error.errno or 0)}",
            remedy="run as root, or without --realtime",
            errno=error.errno,
        ) from error
    try:
        os.write(fd, b"\0\0\0\0")  # a binary 32-bit number of microseconds
        yield
    finally:
        os.close(fd)


def pin_thread(cpus: set[int]) -> list[str]:
    """Pin this thread to CPUs, if any are named; return a warning if the kernel refuses."""
    try:
        if cpus:
            os.sched_setaffinity(threading.get_native_id(), cpus)
    except OSError as error:
        return [
            f"the {threading.current_thread().name} thread could not be pinned: {os.strerror(error.errno or 0)}"
        ]
    return []


def move_thread(thread_id: int, cpus: set[int]) -> None:
    """Pin another thread of this process to CPUs, if any are named; a refusal by the kernel changes nothing."""
    if cpus:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(thread_id, cpus)


@contextlib.contextmanager
def pinned(cpus: set[int]) -> Iterator[None]:
    """Pin this thread to CPUs inside the `with` block, if any are named: threads that start there inherit that."""
    before = os.sched_getaffinity(0)
    pin_thread(cpus)
    try:
        yield
    finally:
        pin_thread(before)
