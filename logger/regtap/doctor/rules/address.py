"""Rules about one physical address: its owner, the routes to the address, and the command to use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.doctor.findings import Finding, Group, ok, problem, warning
from regtap.doctor.rules import devices
from regtap.system.iomem import owning_resources
from regtap.system.kernel import PAGE_BYTES
from regtap.units.format import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.doctor.facts import Facts
    from regtap.doctor.routes import Outcome, Route
    from regtap.registers.model import Register

_RAM = "System RAM"
_LOW_BYTES = 1 << 20  # arch/x86/mm/init.c, devmem_is_allowed(): pages below 256
_NO_CLAIM = re.compile(
    r"PCI (Bus|MMCONFIG|ECAM) .*|[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|reserved", re.I
)
_NAME = "address"


@dataclass(frozen=True, slots=True)
class Answer:
    """The diagnosis of an address.

    Attributes:
        groups: Findings: what lies there, and the ways to it.
        reachable: Whether this user can reach it now.
        command: The command to use, with sudo where that is what it takes; None where nothing helps yet.
    """

    groups: tuple[Group, ...]
    reachable: bool
    command: str | None


def judge(register: Register, facts: Facts, outcomes: Sequence[Outcome]) -> Answer:
    """Return the diagnosis, from the outcomes of the routes."""
    usable = [outcome for outcome in outcomes if is_usable(outcome)]
    ways = Group("ways to it", tuple(_way(outcome, facts) for outcome in outcomes))
    there = Group("what lies there", tuple(_there(register, facts, [outcome.route for outcome in outcomes])))
    if usable:
        return Answer((there, ways), True, usable[0].route.command)
    barred = [outcome for outcome in outcomes if outcome.only_permission and _answers(outcome.route)]
    command = f"sudo {barred[0].route.command}" if barred else None
    return Answer((there, ways), False, command)


def is_usable(outcome: Outcome) -> bool:
    """Whether a route is open, to a device with answers."""
    return outcome.is_open and _answers(outcome.route)


def _answers(route: Route) -> bool:
    return route.pci is None or route.pci[0].answers


def _there(register: Register, facts: Facts, routes: Sequence[Route]) -> Iterator[Finding]:
    yield _resource(register, facts)
    for route in routes:
        if route.uio is not None:
            device, item = route.uio
            state = f"{device.name}, map {item.name or item.number}, {format_size(item.size_bytes)}"
            yield ok(
                f"uio{device.number}", f"{state} at {item.first:#x}", f"offset {route.register.address:#x}"
            )
        elif route.pci is not None and route.spec != "mem":
            yield _bar(route, facts)


def _resource(register: Register, facts: Facts) -> Finding:
    bits, end = facts.memory.address_bits, register.address + register.width_bytes
    if bits is not None and end > 1 << bits:
        meaning = f"beyond this machine's {bits}-bit physical addresses"
        return problem(_NAME, "impossible", meaning, "check the address")
    if not facts.memory.is_listed:
        meaning = "/proc/iomem shows only zeros to this user, so who claims it cannot be told"
        return warning(_NAME, "hidden", meaning, "run doctor as root (sudo)")
    names = [owner.name for owner in owning_resources(facts.memory.resources, register.address, end)]
    if not names:
        meaning = "no device is listed here: reads give all ones, zeros, or a bus error"
        return warning(_NAME, "nobody's", meaning, "check the address against the manual and /proc/iomem")
    state = " > ".join(names)
    if names[0] == _RAM:
        return warning(_NAME, state, _ram(end, facts), "check the address")
    return _claim(state, names[-1], register, facts)


def _ram(end: int, facts: Facts) -> str:
    meaning = "memory, not a device's register"
    # As drivers/char/mem.c has it on x86, where devmem_is_allowed() answers 2 for this part.
    is_shown_as_zeros = (
        end <= _LOW_BYTES and facts.machine == "x86_64" and facts.kernel.is_set("STRICT_DEVMEM") is not False
    )
    if not is_shown_as_zeros:
        return meaning
    return f"{meaning}; below 1 MiB its mapping and read() disagree: read() gives zeros"


def _claim(state: str, innermost: str, register: Register, facts: Facts) -> Finding:
    if not _NO_CLAIM.fullmatch(innermost):
        return ok(_NAME, state, f"belongs to {innermost}")
    page = register.address - register.address % PAGE_BYTES
    neighbours = owning_resources(facts.memory.resources, page, page + PAGE_BYTES)
    if neighbours and not _NO_CLAIM.fullmatch(neighbours[-1].name):
        return ok(_NAME, state, f"its own, but {neighbours[-1].name} has a part of its page")
    return ok(_NAME, state, "no driver claims it")


def _bar(route: Route, facts: Facts) -> Finding:
    assert route.pci is not None  # noqa: S101 - only called for such a route
    device, bar = route.pci
    name = f"bar{bar.number}"
    state = f"{device.address} {device.ids}, {format_size(bar.size_bytes)} at {bar.first:#x}"
    meaning = f"offset {route.register.address:#x}; {device.driver or 'no driver'}"
    condition = devices.condition(device, (bar,), facts)
    if device.answers:
        return ok(name, state, f"{meaning}, {condition}")
    return warning(name, state, f"{meaning}, {condition}: reads give all ones", _wake(route))


def _wake(route: Route) -> str:
    assert route.pci is not None  # noqa: S101 - only called for such a route
    device = route.pci[0]
    folder = f"/sys/bus/pci/devices/{device.address}"
    if not device.enabled:
        return f"as root: echo 1 > {folder}/enable"
    return f"as root: echo on > {folder}/power/control"


def _way(outcome: Outcome, facts: Facts) -> Finding:
    route = outcome.route
    if not outcome.is_open:
        return warning(route.spec, "refused", outcome.cause + _later(outcome, facts), outcome.remedy)
    if not _answers(route):
        return warning(route.spec, "maps, but", "the device behind it does not answer", _wake(route))
    tried = "its node lets this user in" if route.uio is not None else "mapping it was tried, and works"
    return ok(route.spec, "open", tried)


def _later(outcome: Outcome, facts: Facts) -> str:
    """Return the next obstacle for root, if this user was refused before reaching the obstacle."""
    if not outcome.only_permission or outcome.route.uio is not None:
        return ""
    if facts.kernel.lockdown != "none":
        return f"; lockdown ({facts.kernel.lockdown}) would refuse it to root too"
    if outcome.route.pci is not None and devices.may_claim(outcome.route.pci[0], facts):
        return f"; even for root, its driver {outcome.route.pci[0].driver} may claim it (IO_STRICT_DEVMEM)"
    return ""
