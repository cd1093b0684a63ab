"""Keeps every core busy while trials run."""

from __future__ import annotations

import os
import subprocess
import sys

from regtap.errors import FaultError
from regtap.system.closeable import Closeable

# Ends with its parent, so that not even kill -9 leaves a core busy for ever.
_LOOP = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
while os.getppid() == int(sys.argv[2]):
    for _ in range(1_000_000):
        pass
"""


class BusyLoops(Closeable):
    """A busy process on each CPU of a set; a context manager.

    Args:
        cpus: The CPUs to keep busy; empty for an idle machine.
    """

    def __init__(self, cpus: set[int]) -> None:
        self._cpus = sorted(cpus)
        self._loops: list[subprocess.Popen[bytes]] = []
        try:
            for cpu in self._cpus:
                command = [sys.executable, "-S", "-c", _LOOP, str(cpu), str(os.getpid())]
                self._loops.append(
                    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the processes."""
        for loop in self._loops:
            loop.kill()
        for loop in self._loops:
            loop.wait()

    def check(self) -> None:
        """Raise FaultError unless all loops run.

        Raises:
            FaultError: A loop has ended: measurements since then were made without its load.
        """
        for cpu, loop in zip(self._cpus, self._loops, strict=True):
            if loop.poll() is not None:
                raise FaultError(
                    f"the busy loop on CPU {cpu} ended with status {loop.returncode}; run the command again to go on"
                )
