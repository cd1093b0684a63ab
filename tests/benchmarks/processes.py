"""Commands as processes, as they are after an installation."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time
from functools import cache


class Process:
    """A command to measure, from start to finish.

    Attributes:
        cpu_s: CPU time of each run, in their order.
    """

    def __init__(self, *command: str) -> None:
        self._command = command
        self.cpu_s: list[float] = []

    def __call__(self) -> float:
        """Run it, and return how long it took."""
        began, before = time.perf_counter(), _children_cpu_s()
        subprocess.run(self._command, env=_environment(), check=True, stdout=subprocess.DEVNULL)
        self.cpu_s.append(_children_cpu_s() - before)
        return time.perf_counter() - began


@cache
def _environment() -> dict[str, str]:
    """Return an environment in which Python finds every module compiled from the second run on, as pip leaves them.

    Modules of a working copy are compiled at each start where PYTHONDONTWRITEBYTECODE is set.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return environment | {"PYTHONPYCACHEPREFIX": _folder().name}


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is removed when this process ends."""
    return tempfile.TemporaryDirectory(prefix="regtap-bench-")


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
