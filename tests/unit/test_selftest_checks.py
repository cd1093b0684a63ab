"""How `regtap selftest` reports its checks and turns them into an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from regtap.cli.output import ExitCode
from regtap.commands.selftest import selftest as command
from regtap.errors import RefusedError
from regtap.selftest import checks, run
from regtap.selftest.checks import Outcome, run_checks

if TYPE_CHECKING:
    from collections.abc import Callable


def _raiser(error: Exception) -> Callable[[], str]:
    def check() -> str:
        raise error

    return check


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (RefusedError("no /dev/shm", remedy="mount it"), "no /dev/shm; mount it"),
        (ImportError("undefined symbol"), "ImportError: undefined symbol"),
        (OSError(12, "Cannot allocate memory"), "OSError: [Errno 12] Cannot allocate memory"),
    ],
)
def test_a_check_that_raises_is_a_failure_and_the_next_one_runs(
    monkeypatch: pytest.MonkeyPatch, error: Exception, meaning: str
) -> None:
    monkeypatch.setattr(checks, "_checks", lambda folder: [("bad", _raiser(error)), ("good", lambda: "fine")])

    assert list(run_checks()) == [Outcome("bad", False, meaning), Outcome("good", True, "fine")]


def test_an_outcome_is_one_line_that_begins_with_the_verdict() -> None:
    assert str(Outcome("clock", True, "tsc")) == "ok    clock: tsc"
    assert str(Outcome("clock", False, "went back")) == "FAIL  clock: went back"


@pytest.mark.parametrize(("passed", "code"), [(True, ExitCode.OK), (False, ExitCode.FINDING)])
def test_a_failed_check_is_a_finding(monkeypatch: pytest.MonkeyPatch, passed: bool, code: ExitCode) -> None:
    monkeypatch.setattr(run, "run_checks", lambda: iter([Outcome("clock", passed, "tsc")]))

    result = CliRunner().invoke(command, standalone_mode=False)

    assert result.return_value == code


@pytest.mark.parametrize(("failed", "code"), [(0, ExitCode.OK), (2, ExitCode.FINDING)])
def test_a_case_that_is_not_as_it_has_to_be_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, failed: int, code: ExitCode
) -> None:
    monkeypatch.setattr("regtap.selftest.bus_shape.require_available", lambda: None)
    monkeypatch.setattr(run, "check_machine", lambda show: 0)
    monkeypatch.setattr(run, "check_bus_shape", lambda show: failed)

    result = CliRunner().invoke(command, ["--bus-shape"], standalone_mode=False)

    assert result.return_value == code


def test_where_there_is_no_page_trap_nothing_is_checked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr(run, "check_machine", lambda show: pytest.fail("checked"))

    result = CliRunner().invoke(command, ["--bus-shape"], standalone_mode=False)

    assert isinstance(result.exception, RefusedError)
