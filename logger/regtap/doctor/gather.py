"""Gathers the facts. The root of the file system may be another one, for tests."""

from __future__ import annotations

import contextlib
import gzip
import os
import platform
import re
import resource
import sys
import zlib

from regtap.doctor.devices import pci_devices, uio_devices
from regtap.doctor.facts import Facts, Kernel, PhysicalMemory, Process, SpoolSpace, Timing
from regtap.doctor.nodes import inspect_node
from regtap.spool.location import SHARED_MEMORY, spool_paths
from regtap.system import iomem, kernel, permissions
from regtap.system.host import package_version
from regtap.system.memory import available_memory
from regtap.system.privileges import user_behind_root

OPTIONS = ("DEVMEM", "STRICT_DEVMEM", "IO_STRICT_DEVMEM", "UIO", "UIO_PDRV_GENIRQ", "UIO_PCI_GENERIC")
PACKAGES = ("regtap", "numpy", "pyarrow", "matplotlib")
# Bits of the capability mask: include/uapi/linux/capability.h.
CAPABILITIES = {
    "CAP_DAC_OVERRIDE": 1,
    "CAP_IPC_LOCK": 14,
    "CAP_SYS_RAWIO": kernel.CAP_SYS_RAWIO,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_NICE": 23,
    "CAP_SYS_RESOURCE": 24,
}
_CPU = "/sys/devices/system/cpu"
_CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0"
_READINGS = 4  # arbitrary: the best of four is rarely disturbed


def gather(root: str = "") -> Facts:
    """Look at this machine and at this process; opens no device."""
    return Facts(
        kernel=gather_kernel(root),
        process=gather_process(root),
        memory=PhysicalMemory(
            inspect_node(f"{root}/dev/mem", shown_as="/dev/mem"),
            kernel.physical_address_bits(root),
            iomem.iomem_resources(root),
        ),
        uio=uio_devices(root),
        pci=pci_devices(root),
        timing=gather_timing(root),
        room=gather_spool_space(root),
        versions={"python": platform.python_version(), **{name: package_version(name) for name in PACKAGES}},
        byteorder=sys.byteorder,
        machine=platform.machine(),
        has_sys=os.path.isdir(f"{root}/sys/bus"),
    )


def gather_kernel(root: str = "") -> Kernel:
    """Return the facts about the kernel."""
    release = platform.release()
    source, text = _config_text(root, release)
    return Kernel(
        release,
        kernel.boot_arguments(root),
        kernel.lockdown_mode(root),
        source,
        None if text is None else {option: _config_value(text, option) for option in OPTIONS},
    )


def _config_text(root: str, release: str) -> tuple[str | None, str | None]:
    packed = "/proc/config.gz"
    with (
        contextlib.suppress(OSError, EOFError, zlib.error),
        gzip.open(root + packed, "rt", encoding="utf-8") as file,
    ):
        return packed, file.read()
    for plain in (f"/boot/config-{release}", f"/lib/modules/{release}/config"):
        text = kernel.read_text(root + plain)
        if text is not None:
            return plain, text
    return None, None


def _config_value(text: str, option: str) -> str:
    match = re.search(rf"^CONFIG_{option}=(\S+)", text, re.MULTILINE)
    return match[1] if match else "n"


def gather_process(root: str = "") -> Process:
    """Return the permissions and limits of this process."""
    mask = kernel.capability_mask(root)
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return Process(
        user=permissions.describe_user(),
        is_root=os.geteuid() == 0,
        capabilities=tuple(name for name, bit in CAPABILITIES.items() if mask >> bit & 1),
        cpus=tuple(sorted(os.sched_getaffinity(0))),
        memlock_bytes=None if soft == resource.RLIM_INFINITY else soft,
        drops_root=user_behind_root(None) is not None,
        is_known=kernel.read_text(root + kernel.STATUS) is not None,
        realtime_refused=_try_realtime(),
    )


def _try_realtime() -> str | None:
    """Try SCHED_FIFO for a moment, because limits, control groups and sandboxes may all refuse; return the refusal."""
    try:
        policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError as error:
        return os.strerror(error.errno or 0)
    os.sched_setscheduler(0, policy, parameters)
    return None


def gather_timing(root: str = "") -> Timing:
    """Return the clocks, and the disturbances of a sampling loop."""
    tick_source, error_bound_ns, native_error = _ticks()
    return Timing(
        clocksource=kernel.read_text(f"{root}{_CLOCKSOURCE}/current_clocksource") or "unknown",
        available_clocksources=tuple(
            (kernel.read_text(f"{root}{_CLOCKSOURCE}/available_clocksource") or "").split()
        ),
        tick_source=tick_source,
        error_bound_ns=error_bound_ns,
        native_error=native_error,
        virtual=kernel.is_virtual(root),
        governors=_governors(root),
        isolated_cpus=parse_cpu_list(kernel.read_text(f"{root}{_CPU}/isolated") or ""),
        tickless_cpus=parse_cpu_list(kernel.read_text(f"{root}{_CPU}/nohz_full") or ""),
        realtime_us=_number(f"{root}/proc/sys/kernel/sched_rt_runtime_us", -1),
        realtime_period_us=_number(f"{root}/proc/sys/kernel/sched_rt_period_us", 1_000_000),
        latency_node=inspect_node(f"{root}/dev/cpu_dma_latency", shown_as="/dev/cpu_dma_latency"),
    )


def _ticks() -> tuple[str | None, float | None, str | None]:
    """Return source and error bound of timestamps, or the error of loading the native core."""
    try:
        from regtap.clock import source
    except ImportError as error:
        return None, None, str(error)
    best = source.best_source(True)
    return source.source_name(best), source.error_bound_ns(best, _READINGS), None


def _governors(root: str) -> tuple[str, ...]:
    folder = f"{root}{_CPU}/cpufreq"
    texts = (kernel.read_text(f"{folder}/{name}/scaling_governor") for name in kernel.list_folder(folder))
    return tuple(sorted({text for text in texts if text}))


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the numbers in a list such as `0-3,8`; empty for any other text."""
    cpus: list[int] = []
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        cpus += range(int(first), int(last or first) + 1)
    return tuple(cpus)


def gather_spool_space(root: str = "") -> SpoolSpace:
    """Return the shared memory in which spools live."""
    folder = root + SHARED_MEMORY
    has_swap = len((kernel.read_text(f"{root}/proc/swaps") or "").splitlines()) > 1
    try:
        status = os.statvfs(folder)
    except OSError:
        return SpoolSpace(None, writable=False, has_swap=has_swap, memory=available_memory(root))
    spools = _spool_sizes(folder)
    return SpoolSpace(
        status.f_blocks * status.f_frsize,
        status.f_bavail * status.f_frsize,
        os.access(folder, os.W_OK | os.X_OK, effective_ids=True),
        len(spools),
        sum(spools),
        has_swap,
        available_memory(root),
    )


def _spool_sizes(folder: str) -> list[int]:
    sizes = []
    for path in spool_paths(folder):
        with contextlib.suppress(OSError):  # gone meanwhile
            sizes.append(os.lstat(path).st_blocks * 512)
    return sizes


def _number(path: str, default: int) -> int:
    try:
        return int(kernel.read_text(path) or "")
    except ValueError:
        return default
