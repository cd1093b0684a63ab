"""`regtap doctor` on machines that are not this one: exit codes and what is printed."""

from __future__ import annotations

import json

import pytest
from tests.doctor_facts import machine, node

from regtap.cli.output import ExitCode
from regtap.commands.doctor import doctor
from regtap.doctor import gather, routes
from regtap.doctor.facts import Facts, PhysicalMemory, SpoolSpace
from regtap.doctor.routes import Outcome, Route


def _run(monkeypatch: pytest.MonkeyPatch, facts: Facts, *arguments: str) -> int:
    monkeypatch.setattr(gather, "gather", lambda: facts)
    code = doctor.main(list(arguments), standalone_mode=False)
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (machine(), ExitCode.OK),
        (machine(memory=PhysicalMemory(node("/dev/mem", 0o666))), ExitCode.OK),  # a warning
        (machine(room=SpoolSpace(None)), ExitCode.FINDING),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_only_a_problem_makes_a_machine_a_finding(
    monkeypatch: pytest.MonkeyPatch, facts: Facts, code: ExitCode, arguments: list[str]
) -> None:
    assert _run(monkeypatch, facts, *arguments) == code


def _answer(monkeypatch: pytest.MonkeyPatch, *, cause: str, only_permission: bool = False) -> None:
    def attempt(route: Route, root: str = "") -> Outcome:
        return Outcome(route, cause, "do this", only_permission)

    monkeypatch.setattr(routes, "attempt", attempt)


@pytest.mark.parametrize(
    ("cause", "only_permission", "code", "advice"),
    [
        ("", False, ExitCode.OK, "use: regtap read -t pci:0000:03:00.0/bar0 0x10"),
        (
            "no",
            True,
            ExitCode.FINDING,
            "closed to this user; use: sudo regtap read -t pci:0000:03:00.0/bar0 0x10",
        ),
        ("no", False, ExitCode.FINDING, "no way to it is open; each says above what stands in it"),
    ],
)
def test_an_address_ends_with_the_command_to_use(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cause: str,
    only_permission: bool,
    code: ExitCode,
    advice: str,
) -> None:
    _answer(monkeypatch, cause=cause, only_permission=only_permission)

    assert _run(monkeypatch, machine(), "0xd0000010") == code
    assert capsys.readouterr().out.splitlines()[-1] == advice
    assert _run(monkeypatch, machine(), "0xd0000010", "--json") == code
    assert json.loads(capsys.readouterr().out)["reachable"] is (code == ExitCode.OK)


def test_there_are_no_colours_where_nobody_would_see_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(monkeypatch, machine(room=SpoolSpace(None)))

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "  problem  /dev/shm" in printed
