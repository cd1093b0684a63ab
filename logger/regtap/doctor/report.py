"""All rules together, for the machine and for one address; and the same for programs."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from regtap.doctor import routes, screen
from regtap.doctor.findings import Group, Status
from regtap.doctor.rules import address, basics, devices, names, reach, timing
from regtap.maps.lookup import NO_MAPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.doctor.facts import Facts
    from regtap.doctor.rules.address import Answer
    from regtap.maps.lookup import Maps
    from regtap.registers.model import Register


def judge_machine(facts: Facts) -> tuple[Group, ...]:
    """Return every finding about the machine."""
    return (
        Group("physical memory", reach.judge(facts)),
        Group("devices", devices.judge(facts)),
        Group("time", timing.judge(facts)),
        Group("basics", basics.judge(facts)),
    )


def verdict(groups: Sequence[Group]) -> str:
    """Return the last line of the screen."""
    state = "do not work" if screen.count(groups, Status.PROBLEM) else "work"
    return f"{screen.tally(groups)}; the basics (record and read sim and file: targets) {state} here"


def judge_address(register: Register, facts: Facts, root: str = "", maps: Maps = NO_MAPS) -> Answer:
    """Try every route to a register at a physical address, and judge the outcomes."""
    outcomes = [routes.attempt(route, root) for route in routes.routes_to(register, facts)]
    answer = address.judge(register, facts, outcomes)
    if not maps:
        return answer
    named = Group("what the map says", names.judge(register, maps))
    return replace(answer, groups=(named, *answer.groups))


def machine_document(groups: Sequence[Group], facts: Facts) -> dict[str, Any]:
    """Return the document of `regtap doctor --json`."""
    described = asdict(facts)
    # Where the kernel lies in memory is nobody's business: people paste this into bug reports.
    described["memory"]["resources"] = len(facts.memory.resources)
    return {
        "problems": screen.count(groups, Status.PROBLEM),
        "warnings": screen.count(groups, Status.WARNING),
        "groups": _listed(groups),
        "facts": described,
    }


def address_document(register: Register, answer: Answer) -> dict[str, Any]:
    """Return the document of `regtap doctor ADDRESS --json`."""
    return {
        "address": register.address,
        "type": register.type,
        "reachable": answer.reachable,
        "command": answer.command,
        "groups": _listed(answer.groups),
    }


def _listed(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return [asdict(group) for group in groups]
