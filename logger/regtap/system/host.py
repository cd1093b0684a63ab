"""What a trace says about the machine that it was taken on."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """Return what names this boot: a spool of another one is gone with its shared memory."""
    return first_line(_BOOT_ID)


@cache
def describe_host() -> dict[str, str | int]:
    """Return host, kernel, processor and versions, for people and for comparing runs.

    Kept from the first call: later, the process may no longer be allowed to read its own installation.
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
    """Return regtap's version; kept from the first call, as describe_host() keeps what it found."""
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
    """Return the version of a package; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def first_line(path: str) -> str:
    """Return what a file of the kernel's says; `unknown` where it does not let us read it."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return "unknown"
