"""paced_loop.c, built and run: a schedule kept by hand, beside which a capture's is judged."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass

_SOURCE = os.path.join(os.path.dirname(__file__), "paced_loop.c")
_FLAGS = ("-O2", "-std=c11", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True, slots=True)
class PacedSlots:
    """How a schedule was kept.

    Attributes:
        slots: That were due.
        missed: That were not taken.
        late_mean_ns: Of the others.
        late_longest_ns: Likewise.
    """

    slots: int
    missed: int
    late_mean_ns: float
    late_longest_ns: int


@dataclass(frozen=True, slots=True)
class PacedLoop:
    """The program.

    Attributes:
        path: Where it is.
    """

    path: str

    @classmethod
    def build(cls, folder: str) -> PacedLoop:
        """Compile it with the system's C compiler ($CC, or cc) into a folder."""
        path = os.path.join(folder, "paced_loop")
        subprocess.run([*shlex.split(os.environ.get("CC", "cc")), *_FLAGS, "-o", path, _SOURCE], check=True)
        return cls(path)

    def run(self, device: str, rate_hz: int, slots: int, cpu: int | None) -> PacedSlots:
        """Keep a schedule, reading the first register of a file."""
        arguments = [self.path, device, str(rate_hz), str(slots), str(-1 if cpu is None else cpu)]
        done = subprocess.run(arguments, check=True, capture_output=True, text=True)
        missed, mean, longest = done.stdout.split()
        return PacedSlots(slots, int(missed), float(mean), int(longest))
