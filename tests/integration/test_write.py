"""`regtap write` as a process, on a file that plays the device."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.command import fork_regtap

if TYPE_CHECKING:
    from pathlib import Path

STORED = bytes(range(256)) * 32


def _write(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return fork_regtap("write", *arguments, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "f").write_bytes(STORED)
    return tmp_path


@pytest.mark.parametrize(
    ("register", "value", "stored"),
    [
        ("0x10:u8", "0xab", "ab"),
        ("0x10:u16", "258", "0201"),
        ("0x10", "0x01020304", "04030201"),
        ("NAME=0x10:u32be", "0x01020304", "01020304"),
        ("0x10:u64", "0xffffffffffffffff", "ff" * 8),
    ],
)
def test_exactly_the_register_is_written(folder: Path, register: str, value: str, stored: str) -> None:
    done = _write("-t", "file:f", register, value, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")

    written = bytes.fromhex(stored)

    assert (folder / "f").read_bytes() == STORED[:0x10] + written + STORED[0x10 + len(written) :]


def test_it_says_what_it_wrote_where(folder: Path) -> None:
    assert _write("-t", "file:f", "A=0x10:u16", "7", cwd=folder).stdout == "wrote 0x0007 to A at 0x10\n"


def test_verify_reads_back(folder: Path) -> None:
    done = _write("-t", "file:f", "0x10", "7", "--verify", cwd=folder)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["read back 0x00000007"])


def test_a_known_register_is_written_by_its_name(folder: Path) -> None:
    done = _write("-t", "sim", "SCRATCH", "0xdeadbeef", "--verify", cwd=folder)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["read back 0xdeadbeef"])


PROGRAM = """
import sys
from regtap.cli.main import main
from regtap.targets import device
device.Device.read = lambda self, register: {read}
sys.exit(main(sys.argv[1:]))
"""


def _write_with(read: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command with another Device.read."""
    program = [sys.executable, "-c", PROGRAM.format(read=read)]
    return subprocess.run(
        [*program, "write", *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=cwd
    )


def test_without_verify_nothing_is_read(folder: Path) -> None:
    done = _write_with("sys.exit(99)", "-t", "file:f", "0x10", "7", cwd=folder)
    assert done.returncode == 0


def test_a_register_that_holds_something_else_is_a_finding(folder: Path) -> None:
    done = _write_with("~7 & 0xffffffff", "-t", "file:f", "0x10", "7", "--verify", cwd=folder)
    assert done.returncode == 1
    assert done.stderr == (
        "regtap: error: r_10 at 0x10 holds 0xfffffff8 after 0x00000007 was written to it\n"
    )


def test_the_last_store_before_a_refusal_is_none(folder: Path) -> None:
    shutil.copy(folder / "f", folder / "g")
    for register, value in (("0x10", "0x100000000"), ("0x12", "1"), ("0x2000", "1")):
        assert _write("-t", "file:g", register, value, cwd=folder).returncode == 2
    assert (folder / "g").read_bytes() == STORED
