"""The hand-written C loop, and a register that moves while it is read: c_loops.c, built and called."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import secrets
import shlex
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from regtap import _native

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    import numpy as np
    import numpy.typing as npt

_SOURCE = os.path.join(os.path.dirname(__file__), "c_loops.c")
_FLAGS = ("-O2", "-std=c11", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
_MOVE_NS = 1_000_000  # as the simulated device: often enough to see, too rarely to slow the loads
_BYTES = 4096


def build(folder: str) -> ctypes.CDLL:
    """Compile c_loops.c with the system's C compiler ($CC, or cc) into a folder, and load it."""
    library = os.path.join(folder, "c_loops.so")
    compiler = shlex.split(os.environ.get("CC", "cc"))
    subprocess.run([*compiler, *_FLAGS, "-o", library, _SOURCE], check=True)
    return ctypes.CDLL(library)


def compiler_version() -> str:
    """Return how the compiler names itself."""
    command = [*shlex.split(os.environ.get("CC", "cc")), "--version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0]


class Registers:
    """A page on /dev/shm whose first register moves by 0 to 7 every millisecond, by a native thread.

    Attributes:
        target: For regtap: `file:PATH`.
        path: The file.
        words: The page, as 32-bit registers.
    """

    def __init__(self, loops: ctypes.CDLL, path: str, page: mmap.mmap) -> None:
        self.path = path
        self.target = f"file:{path}"
        self.words = memoryview(page).cast("I")
        self._loops = loops
        self._address = ctypes.addressof(ctypes.c_uint32.from_buffer(page))
        self._published = ctypes.c_uint64()
        by_system_clock = _native.best_source(False) is _native.Source.system
        self._sample = loops.sample_by_system_clock if by_system_clock else loops.sample_by_counter

    def sample_in_c(self, ticks: npt.NDArray[np.uint64], values: npt.NDArray[np.uint32]) -> None:
        """Fill both arrays by the hand-written loop; with the same kind of ticks as regtap.sample."""
        self._sample(
            ctypes.c_void_p(self._address),
            ticks.ctypes,
            values.ctypes,
            ctypes.c_uint64(len(ticks)),
            ctypes.byref(self._published),
        )

    @contextlib.contextmanager
    def moving(self, cpus: Set[int]) -> Iterator[None]:
        """Move the first register meanwhile, on these CPUs (none: anywhere)."""
        stop = ctypes.c_uint32(0)

        def move() -> None:
            if cpus:
                os.sched_setaffinity(threading.get_native_id(), cpus)
            # ctypes gives the GIL up for the whole call.
            self._loops.advance_register(
                ctypes.c_void_p(self._address), ctypes.c_uint64(_MOVE_NS), ctypes.byref(stop)
            )

        thread = threading.Thread(target=move, name="register-mover")
        thread.start()
        try:
            yield
        finally:
            stop.value = 1
            thread.join()


@contextlib.contextmanager
def registers(loops: ctypes.CDLL) -> Iterator[Registers]:
    """Make the page, and remove it at the end."""
    path = f"/dev/shm/regtap-bench-{os.getpid()}-{secrets.token_hex(4)}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(fd, _BYTES)
        page: Any = mmap.mmap(fd, _BYTES)
        yield Registers(loops, path, page)
    finally:
        os.close(fd)
        os.unlink(path)
