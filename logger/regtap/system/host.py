"""The description of the machine in a trace."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """Return the kernel's id of this boot; spools of another boot are gone with its shared memory."""
    return first_line(_BOOT_ID)


@cache
def describe_host() -> dict[str, str | int]:
    """Return host, kernel, processor and versions, for people and for comparing runs.

    Cached from the first call: later, the process may no longer be allowed to read its own installation.
    """
    return {
        "hostname": platform.node(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "processor": _processor(),
        "cpus": os.cpu_count() or 0,
        "clocksource": first_line(_CLOCKSOURCE),
        "python": platform.python_version(),
        "regtap": own_version(),
        "boot_id": boot_id(),
    }


@cache
def own_version() -> str:
    """Return regtap's version; cached, for the same reason as describe_host()."""
    return version("regtap")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith(("model name", "Model", "Hardware")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass  # no /proc: the machine's type will have to do
    return platform.processor() or platform.machine()


def package_version(name: str) -> str | None:
    """Return the version of a package, or None if the package is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def first_line(path: str) -> str:
    """Return the first line of a kernel file, or `unknown` if the file cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return "unknown"
