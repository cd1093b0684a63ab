"""`regtap doctor` as a process, on whatever machine this is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.command import fork_regtap

from regtap.cli.output import ExitCode

_NOBODY = 65534
_SCREEN_LINES = 50
_SCREEN_COLUMNS = 120
_STATUSES = {"ok", "warning", "problem"}


@pytest.fixture(params=["as this user", "as nobody"])
def user(request: pytest.FixtureRequest) -> int | None:
    if request.param == "as this user":
        return None
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody; CI runs as root")
    return _NOBODY


# Loads everything as root, by a first run, before it becomes the user: the interpreter need not be theirs to read.
_AS_USER = """
import contextlib, io, os, sys
from regtap.cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    main(["doctor", *sys.argv[2:]])
user = int(sys.argv[1])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
sys.exit(main(["doctor", *sys.argv[2:]]))
"""


def _run(user: int | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    done: subprocess.CompletedProcess[str]
    if user is None:
        done = fork_regtap("doctor", *arguments)
    else:
        program = [sys.executable, "-c", _AS_USER, str(user)]
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done


def _statuses(document: dict[str, Any]) -> list[str]:
    return [finding["status"] for group in document["groups"] for finding in group["findings"]]


def test_it_is_one_screen_and_the_basics_work(user: int | None) -> None:
    done = _run(user)

    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert 20 < len(lines) <= _SCREEN_LINES
    assert [line for line in lines if len(line) > _SCREEN_COLUMNS and "pci:" not in line] == []
    assert lines[-1].startswith("no problems, ")


def test_its_json_has_every_finding_and_the_facts(user: int | None) -> None:
    done = _run(user, "--json")
    document = json.loads(done.stdout)

    statuses = _statuses(document)

    assert done.returncode == ExitCode.OK
    assert set(statuses) <= _STATUSES
    assert (document["problems"], document["warnings"]) == (0, statuses.count("warning"))
    assert document["facts"]["kernel"]["release"] == os.uname().release
    assert document["facts"]["process"]["is_root"] == (user is None and os.geteuid() == 0)


def test_the_screen_and_the_json_agree(user: int | None) -> None:
    document = json.loads(_run(user, "--json").stdout)

    lines = _run(user).stdout.splitlines()
    shown = [line[:11].strip() for line in lines if line[2:11].strip() in _STATUSES]
    assert shown == _statuses(document)


def test_an_address_is_explained_and_judged_by_the_exit_code(user: int | None) -> None:
    done = _run(user, "0x100000")

    document = json.loads(_run(user, "0x100000", "--json").stdout)
    assert done.stderr == ""
    assert done.stdout.startswith("what lies there\n")
    assert done.returncode == (ExitCode.OK if document["reachable"] else ExitCode.FINDING)
    assert (document["command"] or "no way to it is open") in done.stdout


@pytest.mark.parametrize("address", ["0x1001", "main", "1:u128", "-5", "0x10000000000000000"])
def test_what_is_no_address_is_wrong_input(address: str) -> None:
    done = _run(None, "--", address)

    assert (done.returncode, done.stdout) == (ExitCode.INPUT, "")
    assert done.stderr.startswith("regtap: error: ")
    assert done.stderr.count("\n") == 1


def test_it_imports_nothing_heavy() -> None:
    program = (
        "import sys; from regtap.cli.main import main; main(['doctor']); main(['doctor', '0x1000']); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"numpy", "pyarrow", "matplotlib"}.isdisjoint(done.stderr.split())
