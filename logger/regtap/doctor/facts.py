"""The machine as plain data, without any look at the machine: rules can be tested anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.doctor.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtap.doctor.devices import PciDevice, UioDevice
    from regtap.system.iomem import Resource
    from regtap.system.memory import Memory

_LATENCY_NODE = Node("/dev/cpu_dma_latency")


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel: its version and its restrictions.

    Attributes:
        release: As `uname -r` prints it.
        boot_arguments: Its command line.
        lockdown: `none`, `integrity` or `confidentiality`.
        config_source: The file that `config` is from, or None where none can be read.
        config: Build options that matter here: `y`, `m` or `n`.
    """

    release: str = ""
    boot_arguments: str = ""
    lockdown: str = "none"
    config_source: str | None = None
    config: Mapping[str, str] | None = None

    def is_set(self, option: str) -> bool | None:
        """Return whether a build option is on, or None if unknown."""
        return None if self.config is None else self.config[option] != "n"

    @property
    def is_relaxed(self) -> bool:
        """Whether the kernel was booted with iomem=relaxed."""
        return "iomem=relaxed" in self.boot_arguments.split()

    @property
    def protects_claims(self) -> bool | None:
        """Whether the kernel refuses pages claimed by a driver; None if unknown."""
        return False if self.is_relaxed else self.is_set("IO_STRICT_DEVMEM")


@dataclass(frozen=True, slots=True)
class Process:
    """The permissions and limits of this process.

    Attributes:
        user: Its effective user's name.
        is_root: Whether that is root.
        capabilities: Those in effect, of the ones that matter here.
        cpus: Those that it may run on.
        memlock_bytes: How much memory it may lock, or None for any amount.
        drops_root: Whether a recorder run like this drops root, with its capabilities, before it locks the ring.
        realtime_refused: Why it may not become SCHED_FIFO, or None where it may.
        is_known: Whether the kernel tells its capabilities, which takes /proc.
    """

    user: str = "root"
    is_root: bool = True
    capabilities: tuple[str, ...] = ()
    cpus: tuple[int, ...] = (0, 1)
    memlock_bytes: int | None = None
    drops_root: bool = False
    realtime_refused: str | None = None
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class PhysicalMemory:
    """/dev/mem, and the known physical addresses.

    Attributes:
        node: /dev/mem.
        address_bits: Width of a physical address, or None where the kernel does not tell.
        resources: /proc/iomem.
    """

    node: Node
    address_bits: int | None = None
    resources: tuple[Resource, ...] = ()

    @property
    def is_listed(self) -> bool:
        """Whether this process sees the addresses in /proc/iomem."""
        return any(resource.last for resource in self.resources)


@dataclass(frozen=True, slots=True)
class Timing:
    """Clocks, and the disturbances of a sampling loop.

    Attributes:
        clocksource: The kernel's current one.
        available_clocksources: Those that it could use.
        tick_source: Where timestamps come from: `tsc`, `cntvct` or `monotonic_raw`; None without a native core.
        error_bound_ns: How far a timestamp may be off, in ns.
        native_error: Why the native core cannot be loaded, or None.
        virtual: Whether a hypervisor runs this machine; None where the processor does not tell.
        governors: Frequency governors in use.
        isolated_cpus: CPUs that the scheduler leaves alone.
        tickless_cpus: CPUs without the timer interrupt (nohz_full).
        realtime_us: How much of `realtime_period_us` a real-time thread may run; -1: all.
        latency_node: /dev/cpu_dma_latency.
    """

    clocksource: str = "tsc"
    available_clocksources: tuple[str, ...] = ("tsc",)
    tick_source: str | None = "tsc"
    error_bound_ns: float | None = 20.0
    native_error: str | None = None
    virtual: bool | None = False
    governors: tuple[str, ...] = ()
    isolated_cpus: tuple[int, ...] = ()
    tickless_cpus: tuple[int, ...] = ()
    realtime_us: int = -1
    realtime_period_us: int = 1_000_000
    latency_node: Node = _LATENCY_NODE


@dataclass(frozen=True, slots=True)
class SpoolSpace:
    """The shared memory in which spools live.

    Attributes:
        total_bytes: Size of /dev/shm, or None where there is no such folder.
        free_bytes: What of it this process may still take.
        writable: Whether it may create a file there.
        spool_count: How many spools lie there, of live captures and of dead ones.
        spool_bytes: How much they hold.
        has_swap: Whether the kernel may swap.
        memory: What this process may still use of it; None: not known.
    """

    total_bytes: int | None
    free_bytes: int = 0
    writable: bool = True
    spool_count: int = 0
    spool_bytes: int = 0
    has_swap: bool = False
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """A machine, as far as regtap cares.

    Attributes:
        versions: Of Python and of each package; None where it is not installed.
        byteorder: `little` or `big`.
        machine: As `uname -m` prints it.
        has_sys: Whether /sys is there, which lists the devices.
    """

    kernel: Kernel
    process: Process
    memory: PhysicalMemory
    uio: tuple[UioDevice, ...]
    pci: tuple[PciDevice, ...]
    timing: Timing
    room: SpoolSpace
    versions: Mapping[str, str | None]
    byteorder: str = "little"
    machine: str = "x86_64"
    has_sys: bool = True
