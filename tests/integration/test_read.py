"""`regtap read` as a process, on a file that plays the device."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.command import fork_regtap, start_regtap

if TYPE_CHECKING:
    from pathlib import Path


def _read(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return fork_regtap("read", *arguments, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file target `f` whose bytes count from 0 to 255, over and over."""
    (tmp_path / "f").write_bytes(bytes(range(256)) * 64)
    return tmp_path


def test_a_line_has_name_address_hexadecimal_and_decimal(folder: Path) -> None:
    done = _read("-t", "file:f", "0x10", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["r_10", "0x10", "0x13121110", str(0x13121110)]


def test_read_prints_registers_in_the_given_order_in_columns(folder: Path) -> None:
    done = _read("-t", "file:f", "LONG_NAME=0x100:u64", "A=0x8:u8", "0x2:u16be", "A=0x8:u8", cwd=folder)

    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["LONG_NAME", "0x100", "0x0706050403020100"],
        ["A", "0x008", "0x08"],
        ["r_2", "0x002", "0x0203"],
        ["A", "0x008", "0x08"],
    ]
    assert len({line.index("0x") for line in lines}) == 1
    assert len({len(line) for line in lines}) == 1


def test_json_holds_the_same_as_numbers(folder: Path) -> None:
    done = _read("-t", "file:f", "--json", "A=0x8:u16", "0x10:u64", cwd=folder)
    assert json.loads(done.stdout) == [
        {"name": "A", "address": 8, "type": "u16", "value": 0x0908, "fields": {}, "value_names": {}},
        {
            "name": "r_10",
            "address": 16,
            "type": "u64",
            "value": 0x1716151413121110,
            "fields": {},
            "value_names": {},
        },
    ]


def test_known_registers_show_their_fields(folder: Path) -> None:
    done = _read("-t", "sim", "STATUS", "ID", cwd=folder)

    status, identity = done.stdout.splitlines()
    assert [word.split("=")[0] for word in status.split()[4:]] == ["BUSY", "DONE", "ERROR", "LEVEL"]
    assert bytes.fromhex(identity.split()[2][2:])[::-1] == b"REGT"


def test_json_shows_fields_too(folder: Path) -> None:
    (status,) = json.loads(_read("-t", "sim", "--json", "STATUS", cwd=folder).stdout)
    assert list(status["fields"]) == ["BUSY", "DONE", "ERROR", "LEVEL"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0x8+24:u32", ["0x08  0b0a0908 0f0e0d0c 13121110 17161514", "0x18  1b1a1918 1f1e1d1c"]),
        ("0x8+16:u64", ["0x08  0f0e0d0c0b0a0908 1716151413121110"]),
        ("0x3+3:u8", ["0x3  03 04 05"]),
        ("0x0+4:u16be", ["0x0  0001 0203"]),
        ("0x0+0x4", ["0x0  03020100"]),
    ],
)
def test_a_range_is_dumped_word_by_word(folder: Path, text: str, rows: list[str]) -> None:
    done = _read("-t", "file:f", text, cwd=folder)
    assert (done.returncode, done.stdout.splitlines()) == (0, rows)


def test_a_range_takes_units_and_crosses_pages(folder: Path) -> None:
    done = _read("-t", "file:f", "--json", "0xf00+8KiB:u64", cwd=folder)
    items = json.loads(done.stdout)
    assert [item["address"] for item in items] == list(range(0xF00, 0xF00 + 8192, 8))

    stored = (folder / "f").read_bytes()

    assert all(
        item["value"] == int.from_bytes(stored[item["address"] : item["address"] + 8], "little")
        for item in items
    )


def test_reading_changes_nothing(folder: Path) -> None:
    before = os.stat(folder / "f").st_mtime_ns
    (folder / "f").chmod(0o400)

    assert _read("-t", "file:f", "0+16KiB", cwd=folder).returncode == 0
    assert os.stat(folder / "f").st_mtime_ns == before


TRUNCATED_AT = 512 * 1024


@pytest.mark.parametrize("as_json", [False, True], ids=["table", "json"])
def test_a_bus_error_names_the_register_and_keeps_earlier_values(tmp_path: Path, as_json: bool) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(2 * TRUNCATED_AT))
    arguments = ["read", "-t", f"file:{path}", *(["--json"] if as_json else []), f"0+{2 * TRUNCATED_AT}:u64"]
    with start_regtap(*arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()  # it now runs, and stops soon: nobody empties the pipe
        os.truncate(path, TRUNCATED_AT)
        output, errors = first + process.stdout.read(), process.stderr.read()
    assert process.returncode == 4
    assert errors == "regtap: error: bus error: register r_80000 at 0x80000 stopped answering\n"

    words = len(json.loads(output)) if as_json else sum(len(line.split()) - 1 for line in output.splitlines())

    assert words == TRUNCATED_AT // 8
