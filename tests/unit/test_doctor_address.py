"""What doctor says about one physical address."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.doctor_facts import BOUND, CONFIG, FREE, HIDDEN, MIB, RESOURCES, machine, node, uio_device

from regtap.doctor import report
from regtap.doctor.devices import UioMap
from regtap.doctor.facts import Facts
from regtap.doctor.findings import Finding, Status
from regtap.doctor.routes import Outcome, Route, attempt, routes_to
from regtap.doctor.rules import address
from regtap.doctor.rules.address import Answer
from regtap.registers.model import Register
from regtap.system.kernel import PAGE_BYTES
from regtap.targets import node as node_module

GOOD = machine()
IN_BAR = Register("R", 0xD0000010)


def _judged(register: Register, facts: Facts, *closed: Outcome) -> Answer:
    """Judge with every way open but those that are given."""
    shut = {outcome.route.spec: outcome for outcome in closed}
    outcomes = [shut.get(route.spec, Outcome(route)) for route in routes_to(register, facts)]
    return address.judge(register, facts, outcomes)


def _closed(spec: str, facts: Facts = GOOD, register: Register = IN_BAR, **how: object) -> Outcome:
    route = next(route for route in routes_to(register, facts) if route.spec == spec)
    return Outcome(route, "no", "do this", **how)  # type: ignore[arg-type]


def _findings(answer: Answer) -> dict[str, Finding]:
    return {finding.name: finding for group in answer.groups for finding in group.findings}


def test_a_bar_is_a_better_way_than_dev_mem() -> None:
    answer = _judged(IN_BAR, GOOD)
    assert answer.command == "regtap read -t pci:0000:03:00.0/bar0 0x10"
    assert answer.reachable


def test_a_uio_map_is_a_better_way_than_a_bar() -> None:
    device = replace(uio_device(), maps=(UioMap(2, "regs", 0xD0000000, 0x1000, True),))
    assert _judged(IN_BAR, machine(uio=(device,))).command == "regtap read -t uio:0/2 0x10"


def test_where_no_device_covers_an_address_dev_mem_is_the_way() -> None:
    assert _judged(Register("R", 0xFED000F0), GOOD).command == "regtap read -t mem 0xfed000f0"


def test_a_register_of_another_width_keeps_it_in_the_command() -> None:
    command = _judged(Register("R", 0xD0000010, "u64be"), GOOD).command
    assert command == "regtap read -t pci:0000:03:00.0/bar0 0x10:u64be"


def test_a_closed_way_gives_room_to_the_next() -> None:
    answer = _judged(IN_BAR, GOOD, _closed("pci:0000:03:00.0/bar0"))
    assert (answer.command, answer.reachable) == ("regtap read -t mem 0xd0000010", True)

    refused = _findings(answer)["pci:0000:03:00.0/bar0"]
    assert (refused.status, refused.meaning, refused.remedy) == (Status.WARNING, "no", "do this")


def test_an_address_with_every_way_closed_cannot_be_reached() -> None:
    answer = _judged(IN_BAR, GOOD, _closed("pci:0000:03:00.0/bar0"), _closed("mem"))
    assert (answer.command, answer.reachable) == (None, False)


def test_what_only_this_user_may_not_is_proposed_with_sudo() -> None:
    closed = [_closed(spec, only_permission=True) for spec in ("pci:0000:03:00.0/bar0", "mem")]
    answer = _judged(IN_BAR, GOOD, *closed)
    assert (answer.command, answer.reachable) == ("sudo regtap read -t pci:0000:03:00.0/bar0 0x10", False)


@pytest.mark.parametrize(
    ("device", "line"),
    [
        (replace(FREE, enabled=False), "echo 1 > /sys/bus/pci/devices/0000:03:00.0/enable"),
        (replace(FREE, power_state="D3hot"), "echo on > /sys/bus/pci/devices/0000:03:00.0/power/control"),
    ],
)
def test_a_bar_that_does_not_answer_has_no_way_by_dev_mem(device: object, line: str) -> None:
    facts = machine(pci=(device,))  # type: ignore[arg-type]
    answer = _judged(IN_BAR, facts, _closed("pci:0000:03:00.0/bar0", facts))

    assert (answer.command, answer.reachable) == (None, False)
    assert line in _findings(answer)["mem"].remedy
    assert line in _findings(answer)["bar0"].remedy


@pytest.mark.parametrize(
    ("address", "status", "state", "meaning"),
    [
        (0x2000000, Status.WARNING, "System RAM", "not a device's register"),
        (0x1000000, Status.WARNING, "System RAM > Kernel code", "not a device's register"),
        (0x2000, Status.WARNING, "System RAM", "below 1 MiB its mapping and read() disagree"),
        (0xE0000000, Status.OK, "PCI Bus 0000:00 > 0000:04:00.0 > ahci", "belongs to ahci"),
        (0xD0000000, Status.OK, "PCI Bus 0000:00 > 0000:03:00.0", "no driver claims it"),
        (0xC8000000, Status.OK, "PCI Bus 0000:00", "no driver claims it"),
        (0xFEC00000, Status.OK, "IOAPIC 0", "belongs to IOAPIC 0"),
        (0x50000000, Status.WARNING, "nobody's", "no device is listed"),
        (1 << 40, Status.PROBLEM, "impossible", "40-bit"),
        ((1 << 40) - 4, Status.WARNING, "nobody's", "no device is listed"),
    ],
)
def test_what_lies_at_an_address(address: int, status: Status, state: str, meaning: str) -> None:
    finding = _findings(_judged(Register("R", address), GOOD))["address"]
    assert (finding.status, finding.state) == (status, state)
    assert meaning in finding.meaning


@pytest.mark.parametrize(
    "facts",
    [
        machine(architecture="aarch64"),
        machine(kernel=replace(GOOD.kernel, config={**CONFIG, "STRICT_DEVMEM": "n"})),
    ],
)
def test_low_ram_is_shown_as_it_is_where_nothing_hides_it(facts: Facts) -> None:
    assert "disagree" not in _findings(_judged(Register("R", 0x2000), facts))["address"].meaning


def test_a_neighbour_in_the_same_page_is_named() -> None:
    resources = (
        *RESOURCES[:-1],
        RESOURCES[-1]._replace(first=0xD0000800, last=0xD00008FF, depth=2, name="x"),
    )
    facts = machine(memory=replace(GOOD.memory, resources=resources))
    assert "x has a part of its page" in _findings(_judged(IN_BAR, facts))["address"].meaning


def test_bars_are_found_though_iomem_hides_its_addresses() -> None:
    answer = _judged(IN_BAR, machine(memory=replace(GOOD.memory, resources=HIDDEN)))
    assert "only zeros" in _findings(answer)["address"].meaning
    assert answer.command == "regtap read -t pci:0000:03:00.0/bar0 0x10"


def test_a_bar_is_described() -> None:
    finding = _findings(_judged(Register("R", 0xE0000010), GOOD))["bar5"]
    assert finding.state == "0000:04:00.0 8086:2922, 16 KiB at 0xe0000000"
    assert finding.meaning == "offset 0x10; ahci, ready"


def test_a_uio_map_is_described() -> None:
    finding = _findings(_judged(Register("R", 0xA0000010), machine(uio=(uio_device(),))))["uio0"]
    assert finding.state == "adc, map regs, 4 KiB at 0xa0000000"


def test_what_root_would_meet_next_is_said_where_it_is_known() -> None:
    def pci_way(facts: Facts) -> str:
        spec = "pci:0000:04:00.0/bar5"
        register = Register("R", 0xE0000000)
        closed = _closed(spec, facts, register, only_permission=True)
        return _findings(_judged(register, facts, closed))[spec].meaning

    strict = replace(GOOD.kernel, config={**(GOOD.kernel.config or {}), "IO_STRICT_DEVMEM": "y"})
    assert pci_way(GOOD) == "no"
    assert "its driver ahci may claim it" in pci_way(machine(kernel=strict))
    locked = replace(GOOD.kernel, lockdown="integrity")
    assert "lockdown (integrity) would refuse it to root too" in pci_way(machine(kernel=locked))


@given(st.integers(0, MIB - 1), st.sampled_from(["u8", "u16", "u32", "u64"]))
def test_every_way_leads_to_the_same_physical_address(offset: int, kind: str) -> None:
    width = Register("R", 0, kind).width_bytes
    register = Register("R", 0xD0000000 + offset // width * width, kind)

    found = {route.spec: route.register.address for route in routes_to(register, GOOD)}
    assert found == {
        "pci:0000:03:00.0/bar0": register.address - 0xD0000000,
        "mem": register.address,
    }


@pytest.mark.parametrize(
    ("address", "covered"), [(0xCFFFFFFC, False), (0xD0000000, True), (0xD00FFFFC, True), (0xD0100000, False)]
)
def test_a_bar_covers_a_register_that_lies_in_it_whole(address: int, covered: bool) -> None:
    specs = [route.spec for route in routes_to(Register("R", address), GOOD)]
    assert ("pci:0000:03:00.0/bar0" in specs) is covered


def _refuse_map(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(node_module, "_native", SimpleNamespace(Window=refuse))


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/mem").write_bytes(bytes(8192))
    return str(tmp_path)


def test_a_way_is_tried_by_mapping_it_and_nothing_is_read(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Window:
        def __init__(self, fd: int, offset: int, size: int, writable: bool) -> None:
            seen.append(f"map {offset:#x} {size:#x} {writable}")

        def load(self, offset: int, width_bytes: int) -> int:
            seen.append("load")
            return 0

        def close(self) -> None:
            seen.append("close")

    monkeypatch.setattr(node_module, "_native", SimpleNamespace(Window=Window))
    assert attempt(Route("mem", Register("R", 0x1010)), root).is_open
    assert seen == [f"map 0x1000 {PAGE_BYTES:#x} False", "close"]


@pytest.mark.parametrize(("number", "only_permission"), [(errno.EPERM, False), (errno.EACCES, True)])
def test_a_refused_way_has_its_cause(
    root: str, monkeypatch: pytest.MonkeyPatch, number: int, only_permission: bool
) -> None:
    _refuse_map(monkeypatch, number)
    outcome = attempt(Route("mem", Register("R", 0x1010)), root)

    assert (outcome.is_open, outcome.only_permission) == (False, only_permission)
    assert outcome.cause
    assert outcome.remedy


def test_a_pci_way_is_tried_too(root: str) -> None:
    outcome = attempt(Route("pci:0000:03:00.0/bar0", Register("R", 0)), root)
    assert "no PCI device 0000:03:00.0" in outcome.cause


@pytest.mark.parametrize(
    ("device", "cause"),
    [
        (uio_device(), ""),
        (uio_device(readable=False), "/dev/uio0 is mode 600 root:kmem"),
        (uio_device(mappable=False), "not whole pages"),
        (replace(uio_device(), node=node("/dev/uio0", None)), "node /dev/uio0 is missing"),
    ],
)
def test_a_uio_device_is_judged_without_opening_it(
    monkeypatch: pytest.MonkeyPatch, device: object, cause: str
) -> None:
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    facts = machine(uio=(device,))  # type: ignore[arg-type]

    outcome = attempt(routes_to(Register("R", 0xA0000000), facts)[0])

    assert (cause in outcome.cause, outcome.is_open) == (True, not cause)


def test_the_document_of_an_address_has_its_command(root: str) -> None:
    register = Register("R", 0x1010)
    answer = report.judge_address(register, machine(pci=(BOUND,)), root)

    document = report.address_document(register, answer)

    assert (document["address"], document["type"], document["reachable"]) == (0x1010, "u32", True)
    assert document["command"] == "regtap read -t mem 0x1010"
    assert [group["title"] for group in document["groups"]] == ["what lies there", "ways to it"]
