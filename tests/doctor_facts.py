"""A machine that has nothing to complain of, for tests that change one thing about it."""

from __future__ import annotations

from dataclasses import replace

from regtap.doctor.devices import Bar, PciDevice, UioDevice, UioMap
from regtap.doctor.facts import Facts, Kernel, PhysicalMemory, Process, SpoolSpace, Timing
from regtap.doctor.findings import Finding, Status
from regtap.doctor.nodes import Node
from regtap.system.iomem import Resource

MIB = 1 << 20
CONFIG = {
    "DEVMEM": "y",
    "STRICT_DEVMEM": "y",
    "IO_STRICT_DEVMEM": "n",
    "UIO": "m",
    "UIO_PDRV_GENIRQ": "m",
    "UIO_PCI_GENERIC": "m",
}
CLAIMS = {**CONFIG, "IO_STRICT_DEVMEM": "y"}
RESOURCES = (
    Resource(0x1000, 0x9FFFF, 0, "System RAM"),
    Resource(0x100000, 0x3FFFFFFF, 0, "System RAM"),
    Resource(0x1000000, 0x1FFFFFF, 1, "Kernel code"),
    Resource(0xC0000000, 0xFEBFFFFF, 0, "PCI Bus 0000:00"),
    Resource(0xD0000000, 0xD00FFFFF, 1, "0000:03:00.0"),
    Resource(0xE0000000, 0xE0003FFF, 1, "0000:04:00.0"),
    Resource(0xE0000000, 0xE0003FFF, 2, "ahci"),
    Resource(0xFEC00000, 0xFEC003FF, 0, "IOAPIC 0"),
)
HIDDEN = tuple(Resource(0, 0, resource.depth, resource.name) for resource in RESOURCES)
FREE = PciDevice("0000:03:00.0", "1234:11e8", bars=(Bar(0, 0xD0000000, MIB),))
BOUND = PciDevice("0000:04:00.0", "8086:2922", "ahci", bars=(Bar(5, 0xE0000000, 0x4000),))


def node(path: str, mode: int | None = 0o600, *, readable: bool = True, writable: bool = True) -> Node:
    """Return a node of root's with these permissions."""
    if mode is None:
        return Node(path)
    return Node(path, mode, f"mode {mode:o} root:kmem", "kmem", readable, writable)


def uio_device(number: int = 0, *, readable: bool = True, mappable: bool = True) -> UioDevice:
    """Return a UIO device with one map at 0xa0000000."""
    return UioDevice(
        number,
        "adc",
        node(f"/dev/uio{number}", readable=readable),
        (UioMap(0, "regs", 0xA0000000, 0x1000, mappable),),
    )


def machine(
    *,
    kernel: Kernel | None = None,
    process: Process | None = None,
    memory: PhysicalMemory | None = None,
    timing: Timing | None = None,
    room: SpoolSpace | None = None,
    uio: tuple[UioDevice, ...] = (),
    pci: tuple[PciDevice, ...] = (FREE, BOUND),
    versions: dict[str, str | None] | None = None,
    byteorder: str = "little",
    architecture: str = "x86_64",
) -> Facts:
    """Return the machine with some parts replaced."""
    return Facts(
        kernel=kernel or Kernel("6.1.0", "quiet", "none", "/boot/config-6.1.0", CONFIG),
        process=process or Process(capabilities=("CAP_SYS_RAWIO", "CAP_IPC_LOCK")),
        memory=memory or PhysicalMemory(node("/dev/mem", 0o640), 40, RESOURCES),
        uio=uio,
        pci=pci,
        timing=timing or Timing(latency_node=node("/dev/cpu_dma_latency")),
        room=room or SpoolSpace(8 << 30, 6 << 30),
        versions=versions or {"python": "3.11.2", "numpy": "2", "pyarrow": "20", "matplotlib": "3"},
        byteorder=byteorder,
        machine=architecture,
    )


GOOD = machine()
USER = Process("ann", is_root=False)


def with_kernel(**changes: object) -> Facts:
    """Return the machine with another kernel, by its facts that change."""
    return machine(kernel=replace(GOOD.kernel, **changes))  # type: ignore[arg-type]


def with_config(**changes: str) -> Facts:
    """Return the machine with other options of its kernel's configuration."""
    return with_kernel(config={**CONFIG, **changes})


def assert_says(finding: Finding, status: Status, text: str) -> None:
    """A finding has this status, and this text is in what it prints."""
    whole = f"{finding.state}: {finding.meaning} -> {finding.remedy}"
    assert (finding.status, text in whole) == (status, True), whole
