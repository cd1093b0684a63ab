"""The machine that figures were measured on, and how busy it was meanwhile."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from regtap.host import describe_host

_PACKAGES = ("numpy", "pandas", "pytest", "pytest-benchmark", "python-periphery")
_CPU = "/sys/devices/system/cpu"
_FILES = {
    "governor": f"{_CPU}/cpu0/cpufreq/scaling_governor",
    "smt": f"{_CPU}/smt/active",
    "isolated_cpus": f"{_CPU}/isolated",
    "shmem_huge_pages": "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
}
_STEAL, _CPU_FIELDS = 7, slice(1, 9)  # of /proc/stat's first line; guest time is part of user time


def describe_environment() -> dict[str, Any]:
    """Return host, kernel, processor, settings and versions; nothing that names this boot."""
    facts: dict[str, Any] = {key: value for key, value in describe_host().items() if key != "boot_id"}
    facts["usable_cpus"] = sorted(os.sched_getaffinity(0))
    facts["hypervisor"] = _is_virtual()
    facts |= {name: _first_line(path) for name, path in _FILES.items()}
    facts |= {package: _version(package) for package in _PACKAGES}
    return facts


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the machine is; two of them tell what happened in between.

    Attributes:
        average: Load averages over 1, 5 and 15 minutes.
        ticks: Time of all CPUs by kind since boot, as /proc/stat has it.
        own_s: CPU time of this process and of its children that have ended.
    """

    average: tuple[float, float, float]
    ticks: tuple[int, ...]
    own_s: float

    @classmethod
    def now(cls) -> Load:
        """Look."""
        times = os.times()
        return cls(os.getloadavg(), _cpu_ticks(), sum(times[:4]))

    def until(self, later: Load) -> dict[str, object]:
        """Return what a reader needs to judge figures that were measured in between."""
        spent = [after - before for before, after in zip(self.ticks, later.ticks, strict=True)]
        whole = max(1, sum(spent))
        busy_s = (whole - spent[3] - spent[4]) / os.sysconf("SC_CLK_TCK")
        return {
            "load_average_before": self.average,
            "load_average_after": later.average,
            "steal_percent": round(100 * spent[_STEAL] / whole, 2) if len(spent) > _STEAL else None,
            "cpu_seconds_of_others": round(max(0.0, busy_s - (later.own_s - self.own_s)), 1),
            "seconds": round(whole / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1), 1),
        }


def _cpu_ticks() -> tuple[int, ...]:
    return tuple(int(field) for field in _first_line("/proc/stat").split()[_CPU_FIELDS])


def _is_virtual() -> bool:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return any(line.startswith("flags") and " hypervisor" in line for line in file)
    except OSError:
        return False


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return "unknown"
