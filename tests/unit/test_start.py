"""Ctrl-C, SIGTERM and SIGHUP before, in and after a command: exit codes 130, 143, 129 and no traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

KILL = "os.kill(os.getpid(), signal.SIGINT)"
PROGRAM = """
import atexit, os, signal, sys, time
sys.argv = ["regtap", "--version"]

class Finder:
    def find_spec(self, name, path, target=None):
        if name == INTERRUPTED:
            KILL
            time.sleep(30)

class Loud:
    def __del__(self):
        KILL

sys.meta_path.insert(0, Finder())
from regtap.cli.start import main
BEFORE
sys.exit(main())
"""


def run(interrupted: str | None, before: str = "") -> subprocess.CompletedProcess[str]:
    program = (
        PROGRAM.replace("INTERRUPTED", repr(interrupted)).replace("BEFORE", before).replace("KILL", KILL)
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("module", ["regtap.cli.main", "click", "regtap.errors"])
def test_ctrl_c_while_a_command_is_loaded_is_quiet(module: str) -> None:
    done = run(module)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("place", ["atexit.register(os.kill, os.getpid(), signal.SIGINT)", "loud = Loud()"])
def test_ctrl_c_after_a_command_changes_nothing(place: str) -> None:
    done = run(None, place)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("regtap ")


def test_ctrl_c_in_a_command_is_130() -> None:
    done = run(None, "import regtap.cli.main\nregtap.cli.main.run = lambda *_: " + KILL)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_in_an_import_of_a_command_waits_for_its_end() -> None:
    # DuckDB's module of C ends the process with SIGABRT where an exception comes out of what it imports
    command = """
import regtap.cli.main

class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == "colorsys":
            KILL
            print("goes on", flush=True)

def run():
    sys.meta_path.insert(0, Interrupted())
    import colorsys
    time.sleep(600)

regtap.cli.main.main = run
"""

    done = run(None, command)

    assert (done.returncode, done.stdout, done.stderr) == (130, "goes on\n", "")


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    done = run(None, "signal.signal(signal.SIGINT, signal.SIG_IGN)\nimport regtap.cli.main\n" + KILL)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_command_that_is_terminated_cleans_up(name: str, code: int) -> None:
    kill = f"os.kill(os.getpid(), signal.{name})"
    command = f"""
import regtap.cli.main

def run():
    try:
        {kill}
        time.sleep(600)
    finally:
        {kill}  # as `timeout` does
        print("removed", flush=True)

regtap.cli.main.main = run
"""

    done = run(None, command)

    assert (done.returncode, done.stdout, done.stderr) == (code, "removed\n", "")


def test_an_ignored_sigterm_stays_ignored() -> None:
    before = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nimport regtap.cli.main\n"

    done = run(None, f"{before}regtap.cli.main.main = lambda: os.kill(os.getpid(), signal.SIGTERM) or 7")

    assert (done.returncode, done.stderr) == (7, "")
