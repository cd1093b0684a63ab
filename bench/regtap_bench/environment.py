"""The machine of a measurement, and its load."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from regtap.clock.source import hypervisor_signature
from regtap.errors import RefusedError
from regtap.system.host import describe_host, first_line, package_version
from regtap.system.kernel import is_virtual

_PACKAGES = ("numpy", "pandas", "pytest", "pytest-benchmark", "python-periphery")
_CPU = "sys/devices/system/cpu"
_SETTINGS = {
    "governor": f"{_CPU}/cpu0/cpufreq/scaling_governor",
    "boost": f"{_CPU}/cpufreq/boost",
    "no_turbo": f"{_CPU}/intel_pstate/no_turbo",
    "smt": f"{_CPU}/smt/active",
    "isolated_cpus": f"{_CPU}/isolated",
    "shmem_huge_pages": "sys/kernel/mm/transparent_hugepage/shmem_enabled",
}
_DMI = "sys/class/dmi/id"
_DEVICE_TREE = "proc/device-tree/compatible"
_VULNERABILITIES = f"{_CPU}/vulnerabilities"
_GAP_WATCH_NS = 30_000_000  # arbitrary: several time slices of a scheduler
_CPU_FIELDS = slice(1, 9)  # of /proc/stat's first line; guest time is part of user time
_IDLE, _IOWAIT, _STEAL = 3, 4, 7  # among those


def require_proc() -> None:
    """Raise an error where what else the machine does cannot be seen.

    Raises:
        RefusedError: There is no /proc.
    """
    if not os.path.exists("/proc/stat"):
        raise RefusedError(
            "there is no /proc, and a benchmark could not see what else this machine does",
            remedy="mount it: mount -t proc proc /proc",
        )


def describe_environment() -> dict[str, Any]:
    """Return host, kernel, processor, settings and versions; the id of the boot is left out."""
    facts: dict[str, Any] = {key: value for key, value in describe_host().items() if key != "boot_id"}
    facts["usable_cpus"] = sorted(os.sched_getaffinity(0))
    facts["hypervisor"] = is_virtual() or False
    facts["hypervisor_signature"] = hypervisor_signature()
    facts |= read_settings()
    facts |= {package: package_version(package) or "absent" for package in _PACKAGES}
    return facts


def read_settings(root: str = "/") -> dict[str, str]:
    """Return the settings of the machine with an influence on costs; `unknown` if unreadable.

    Args:
        root: Root of the file system; another one serves tests.
    """
    settings = {name: first_line(os.path.join(root, path)) for name, path in _SETTINGS.items()}
    return {
        **settings,
        "board": _board(root),
        "mitigations": _mitigations(os.path.join(root, _VULNERABILITIES)),
    }


def longest_gap_us() -> float:
    """Return the longest gap between two readings of the clock during 30 ms, in us: this process did not run then."""
    now = time.perf_counter_ns
    longest, before = 0, now()
    end = before + _GAP_WATCH_NS
    while before < end:
        at = now()
        longest, before = max(longest, at - before), at
    return longest / 1000


def _board(root: str) -> str:
    """Return the maker and name of the machine, as its firmware or its device tree says."""
    lines = (first_line(os.path.join(root, _DMI, name)) for name in ("sys_vendor", "product_name"))
    known = [line for line in lines if line != "unknown"]
    if known:
        return " ".join(known)
    return first_line(os.path.join(root, _DEVICE_TREE)).replace("\0", " ").strip()


def _mitigations(folder: str) -> str:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ""
    lines = {name: first_line(os.path.join(folder, name)) for name in names}
    return ", ".join(name for name, line in lines.items() if line.startswith("Mitigation"))


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """The load of the machine at one moment; the difference of two tells the load in between.

    Attributes:
        average: Load averages over 1, 5 and 15 minutes.
        ticks: Time of all CPUs by kind since boot, as /proc/stat has it.
        own_s: CPU time of this process and of its children that have ended.
    """

    average: tuple[float, float, float]
    ticks: tuple[int, ...]
    own_s: float

    @classmethod
    def now(cls) -> MachineLoad:
        """Return the load of this moment."""
        times = os.times()
        return cls(os.getloadavg(), _cpu_ticks(), sum(times[:4]))

    def until(self, later: MachineLoad) -> dict[str, Any]:
        """Return the load between two moments, to judge figures measured meanwhile.

        `others_percent` is the share of all CPU time that other processes and the kernel's own threads took.
        """
        spent = [after - before for before, after in zip(self.ticks, later.ticks, strict=True)]
        whole = max(1, sum(spent))
        whole_s = whole / os.sysconf("SC_CLK_TCK")
        busy_s = whole_s * (whole - spent[_IDLE] - spent[_IOWAIT]) / whole
        own_s = later.own_s - self.own_s
        return {
            "load_average_before": self.average,
            "load_average_after": later.average,
            "steal_percent": round(100 * spent[_STEAL] / whole, 2),
            "others_percent": round(max(0.0, 100 * (busy_s - own_s) / whole_s), 2),
            "seconds": round(whole_s / (os.cpu_count() or 1), 1),
        }


def _cpu_ticks() -> tuple[int, ...]:
    return tuple(int(field) for field in first_line("/proc/stat").split()[_CPU_FIELDS])
