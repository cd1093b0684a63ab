"""The routes to one physical address, and the outcomes of trying them."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regtap.errors import AddressError, RefusedError
from regtap.registers.model import Register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.doctor.devices import Bar, PciDevice, UioDevice, UioMap
    from regtap.doctor.facts import Facts
    from regtap.targets import Target


@dataclass(frozen=True, slots=True)
class Route:
    """A target, and the register as an address in the target.

    Attributes:
        spec: The target as one spells it.
        register: The register in the target's own numbering.
        pci: The device and BAR that answer, where PCI is what is behind the address.
        uio: The UIO device and map, where that is the way.
    """

    spec: str
    register: Register
    pci: tuple[PciDevice, Bar] | None = None
    uio: tuple[UioDevice, UioMap] | None = None

    @property
    def command(self) -> str:
        """The command to read the register by this route."""
        suffix = "" if self.register.type == "u32" else f":{self.register.type}"
        return f"regtap read -t {self.spec} {self.register.address:#x}{suffix}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of trying a route.

    Attributes:
        route: The route.
        cause: Why it is closed; empty where it is open.
        remedy: What opens it.
        only_permission: Whether nothing but this user's rights closed it.
    """

    route: Route
    cause: str = ""
    remedy: str = ""
    only_permission: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the register can be reached this way now."""
        return not self.cause


def routes_to(register: Register, facts: Facts) -> tuple[Route, ...]:
    """Return the ways to a register at a physical address, best first: UIO, PCI, /dev/mem."""
    behind = next(
        ((device, bar) for device in facts.pci for bar in device.bars if _holds(bar, register)), None
    )
    return (*_uio_routes(register, facts), *_pci_routes(register, behind), Route("mem", register, pci=behind))


def _uio_routes(register: Register, facts: Facts) -> Iterator[Route]:
    for device in facts.uio:
        for item in device.maps:
            if _holds(item, register):
                spec = f"uio:{device.number}/{item.number}"
                yield Route(spec, _moved(register, item.first), uio=(device, item))


def _pci_routes(register: Register, behind: tuple[PciDevice, Bar] | None) -> Iterator[Route]:
    if behind is not None:
        device, bar = behind
        yield Route(f"pci:{device.address}/bar{bar.number}", _moved(register, bar.first), pci=behind)


def _holds(area: Bar | UioMap, register: Register) -> bool:
    offset = register.address - area.first
    return 0 <= offset <= area.size_bytes - register.width_bytes


def _moved(register: Register, origin: int) -> Register:
    return Register(register.name, register.address - origin, register.type)


def attempt(route: Route, root: str = "") -> Outcome:
    """Map and unmap the page of the register; nothing is read, and a UIO device is not even opened.

    Opening a UIO node may start its device, and closing it may stop what another program has set up.
    """
    if route.uio is not None:
        return _uio_outcome(route, *route.uio)
    try:
        _target(route, root).open([route.register]).close()
    except RefusedError as error:
        return Outcome(route, error.cause, error.remedy, error.errno == errno.EACCES)
    except AddressError as error:
        cause, _, remedy = str(error).partition("; ")
        return Outcome(route, cause, remedy)
    return Outcome(route)


def _target(route: Route, root: str) -> Target:
    from regtap.targets import MemTarget, PciTarget

    if route.spec == "mem":
        return MemTarget("mem", node=f"{root}/dev/mem")
    return replace(PciTarget.from_spec(route.spec), sys_root=f"{root}/sys/bus/pci/devices")


def _uio_outcome(route: Route, device: UioDevice, item: UioMap) -> Outcome:
    node = device.node
    if not item.is_mappable:
        remedy = "round its address and size to pages in the device tree or the driver"
        return Outcome(route, f"map {item.number} is not whole pages, so the kernel will not map it", remedy)
    if node.mode is None:
        return Outcome(
            route, f"its node {node.path} is missing", "let udev make it, or pass it to the container"
        )
    if not node.readable:
        remedy = "run as root (sudo), or give the node a group by a udev rule"
        return Outcome(route, f"{node.path} is {node.description}", remedy, only_permission=True)
    return Outcome(route)
