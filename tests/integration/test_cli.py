"""`regtap` as a process: installation, and every kind of bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from tests.command import REGTAP, fork_regtap, run_regtap

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file target `f` of 100,000 bytes, an empty one, a pipe and a folder."""
    (tmp_path / "f").write_bytes(bytes(100_000))
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    return tmp_path


def test_the_version_is_that_of_the_distribution() -> None:
    done = run_regtap("--version")
    assert (done.returncode, done.stdout) == (0, f"regtap {version('regtap')}\n")


def test_the_help_lists_the_commands() -> None:
    done = run_regtap("--help")
    assert done.returncode == 0
    assert {"read", "write"} <= {
        line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")
    }


def test_the_console_script_is_the_same_command() -> None:
    script = os.path.join(os.path.dirname(sys.executable), "regtap")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, f"regtap {version('regtap')}\n")


BAD_INPUT = [
    ("frobnicate", "No such command"),
    ("read", "Missing argument"),
    ("read --frob 0", "No such option"),
    ("read -t", "requires an argument; see `regtap read --help`"),
    ("read --json=3 0", "does not take a value; see `regtap read --help`"),
    ("read -t bogus 0", "unknown target 'bogus'; write mem, uio:N"),
    ("read -t file: 0", "write file:PATH"),
    ("read -t file:folder 0", "neither a file nor a device"),
    ("read -t file:pipe 0", "neither a file nor a device"),
    ("read -t file:empty 0", "which has 0x0 bytes"),
    ("read -t uio:x 0", "write uio:N"),
    ("read -t pci:03:00 0", "write pci:DDDD:BB:DD.F/barN"),
    ("read -t file:f NOPE", "unknown register 'NOPE'"),
    ("read -t sim NOPE", "or one of ID COUNT32"),
    ("read -t sim 0x1000", "does not lie within sim"),
    ("read -t file:f 0x2", "not aligned to the 4 bytes of u32; use 0x0"),
    ("read -t file:f 0x4:u64", "not aligned"),
    ("read -t file:f 0x186a0", "does not lie within file:f, which has 0x186a0 bytes"),
    ("read -t file:f 0xfffffffffffffffc", "does not lie within"),
    ("read -t file:f 0x10000000000000000", "does not fit 64 bits"),
    ("read -t mem 0x8000000000000000", "does not lie within mem"),
    ("read -t file:f 0x10:u33", "unknown register type 'u33'"),
    ("read -t file:f 0x10:", "unknown register type ''"),
    ("read -t file:f =0x10", "unknown register"),
    ("read -t file:f t_ns=0x10", "cannot name a register"),
    ("read -t file:f µ=0x10", "use a to z, A to Z, digits and _ . - [ ], a letter or _ first"),
    ("read -t file:f 0xzz", "not a valid address"),
    ("read -t file:f -- -4", "unknown register '-4'"),
    ("read -t file:f 0+6", "multiple of the 4 bytes"),
    ("read -t file:f 0+0", "not a size"),
    ("read -t file:f 0+4x", "not a size"),
    ("read -t file:f 0+1GiB", "too long for a dump"),
    ("read -t file:f 0xfffffffffffffff8+16", "64 bits"),
    ("read -t file:f 0x18000+64KiB", "does not lie within"),
    ("write -t file:f 0", "Missing argument 'VALUE'"),
    ("write -t file:f 0 1 2", "extra argument"),
    ("write -t file:f 0:u8 0x100", "does not fit r_0 (u8: 0 to 0xff)"),
    ("write -t file:f 0 -1", "No such option"),
    ("write -t file:f 0 -- -1", "not a valid value"),
    ("write -t file:f 0 1.5", "not a valid value"),
    ("write -t file:f 0 0x10000000000000000", "does not fit 64 bits"),
    ("write -t file:f 0x1869f 1", "not aligned"),
    ("write -t file:f 0x186a0 1", "does not lie within"),
    ("write -t file:f 0+8 1", "not a valid address"),
]


@pytest.mark.parametrize(("line", "text"), BAD_INPUT, ids=[line for line, _ in BAD_INPUT])
def test_bad_input_is_one_line_exit_code_2_and_changes_nothing(folder: Path, line: str, text: str) -> None:
    done = fork_regtap(*line.split(), cwd=folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("regtap: error: ")
    assert done.stderr.count("\n") == 1
    assert text in done.stderr
    assert (folder / "f").read_bytes() == bytes(100_000)


REFUSED = [
    ("read -t file:missing 0", "there is no missing"),
    ("read -t file:/dev/null 0", "has no mmap"),
    ("read -t uio:999999 0", "no UIO device 999999"),
    ("read -t pci:0000:ff:1f.7/bar0 0", "no PCI device 0000:ff:1f.7"),
    ("write -t file:/dev/null 0 1", "has no mmap"),
]


@pytest.mark.parametrize(("line", "text"), REFUSED, ids=[line for line, _ in REFUSED])
def test_a_refusal_is_one_line_and_exit_code_3(folder: Path, line: str, text: str) -> None:
    done = fork_regtap(*line.split(), cwd=folder)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert text in done.stderr


def test_a_refused_permission_shows_the_mode_bits_and_the_user(folder: Path) -> None:
    (folder / "f").chmod(0)
    powerless = (
        ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
    )  # root, bound by mode bits too

    done = subprocess.run(
        [*powerless, *REGTAP, "read", "-t", "file:f", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )

    assert done.returncode == 3
    assert "f is ---------- " in done.stderr
    assert "this process runs as " in done.stderr


def test_a_reader_that_goes_away_ends_the_command_quietly(folder: Path) -> None:
    with subprocess.Popen(
        [*REGTAP, "read", "-t", "file:f", "0+96KiB:u8"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (141, b"")


def test_output_that_does_not_fit_is_a_fault(folder: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*REGTAP, "read", "-t", "file:f", "0"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=folder,
        )
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "No space left" in done.stderr


def test_bad_input_that_cannot_be_said_is_bad_input_all_the_same(folder: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*REGTAP, "read", "-t", "file:f", "no-such"], stderr=full, check=False, cwd=folder
        )
    assert done.returncode == 2
