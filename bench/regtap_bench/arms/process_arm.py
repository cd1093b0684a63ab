"""The arm of a process: the cost of a `busybox devmem` for each register of a shell script."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from regtap.targets import MemTarget
from regtap_bench import _native
from regtap_bench.arms.base import SLOW, THROUGHPUT, AccessArm, BlockRunner, Reading

if TYPE_CHECKING:
    from regtap.registers.model import Register
    from regtap_bench.arms.site import Sites

DEVMEM = "busybox devmem"
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class DevmemArm(AccessArm):
    """One `busybox devmem` an access, from its start to its end, its output thrown away.

    Attributes:
        register: The register that it reads.
    """

    kind: ClassVar[str] = "process"
    cadence: ClassVar[str] = SLOW
    least: ClassVar[int] = 1

    register: Register

    @property
    def touches_mapping(self) -> bool:
        """False: the process has a mapping of its own, whose fault ends no other process."""
        return False

    def refusal(self, sites: Sites) -> str:
        """Return the reason for which this target cannot have the arm, or an empty text."""
        if not isinstance(sites.target, MemTarget):
            return f"it knows no target but /dev/mem, so that its price on {sites.target.spec} means nothing"
        path = shutil.which("busybox")
        if path is None:
            return "busybox is not installed"
        return _complaint([path, *self._arguments()])

    def block(self, sites: Sites, measure: str) -> BlockRunner:  # noqa: ARG002 - there is only one
        """Return the function to run a block of the arm; valid while the sites are open."""
        path = shutil.which("busybox")
        assert path is not None  # noqa: S101 - refusal() looked
        command, meter = [path, *self._arguments()], _native.Meter()
        silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]

        def block(count: int) -> Reading:
            failed = 0
            meter.begin()
            for _ in range(count):
                _, status = os.waitpid(os.posix_spawn(path, command, os.environ, file_actions=silent), 0)
                failed |= status
            reading = meter.end()
            if failed:
                raise RuntimeError(
                    f"`{' '.join(command)}` failed (status {os.waitstatus_to_exitcode(failed)})"
                )
            return reading

        return block

    def _arguments(self) -> list[str]:
        return ["devmem", f"{self.register.address:#x}", str(8 * self.register.width_bytes)]


def devmem_arm(register: Register) -> DevmemArm:
    """Return the arm for a register."""
    return DevmemArm(DEVMEM, "a process for each read, as in a shell script", (THROUGHPUT,), None, register)


def _complaint(command: list[str]) -> str:
    """Return the error text of a failed command, or an empty text."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[0] if lines else f"it ended with status {done.returncode}"
