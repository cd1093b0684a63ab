"""`regtap dump` and `regtap diff`: snapshots, moments of traces, live targets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic import write_trace

from regtap.cli.main import main
from regtap.cli.output import ExitCode
from regtap.errors import InputError
from regtap.maps.dump_file import Dump, Reading, read_dump
from regtap.maps.naming import LeftOut
from regtap.registers.model import Field, Register, Value
from regtap.targets.device import Device
from regtap.trace.reader import open_trace

BOARD = """
[blocks.A]
address = 0
registers.CR = { offset = 0, fields.EN = { bits = 0, values = { OFF = 0, ON = 1 } }, fields.LEVEL = "7:4" }
registers.DR = { offset = 4, read_effect = "pops" }
registers.COUNT = { offset = 8, volatile = true }
registers.WO = { offset = 12, access = "write-only" }
"""
CR = Register(
    "A.CR", 0, fields=(Field("EN", 0, 1, values=(Value("OFF", 0), Value("ON", 1))), Field("LEVEL", 4, 4))
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGTAP_MAP", raising=False)
    Path("board.toml").write_text(BOARD)
    Path("f").write_bytes(bytes(64))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def store(name: str, *more: str) -> None:
    assert main(["dump", "-t", "file:f", "--map", "board.toml", "-o", name, *more]) == ExitCode.OK


def change(at: int, value: int) -> None:
    content = bytearray(Path("f").read_bytes())
    content[at : at + 4] = value.to_bytes(4, "little")
    Path("f").write_bytes(content)


@pytest.mark.usefixtures("folder")
def test_dump_reads_all_that_may_be_read_and_names_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "dump", "-t", "file:f", "--map", "board.toml")

    assert status == ExitCode.OK
    assert [line.split() for line in out.splitlines()] == [
        ["A.CR", "0x0", "0x00000000", "EN=0", "(OFF)", "LEVEL=0"],
        ["A.COUNT", "0x8", "0x00000000"],
    ]
    assert "A.DR is left out: a read of A.DR pops" in err
    assert "A.WO is left out: it is write-only" in err


@pytest.mark.usefixtures("folder")
def test_dump_looks_at_each_register_a_few_times(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("long.toml").write_text("".join(f"registers.R{n} = {{ address = {4 * n} }}\n" for n in range(100)))
    Path("f").write_bytes(bytes(400))
    looked_at: list[str] = []
    width_bytes = Register.__dict__["width_bytes"].fget

    def noted(self: Register) -> int:
        looked_at.append(self.name)
        return int(width_bytes(self))

    monkeypatch.setattr(Register, "width_bytes", property(noted))

    status, out, _ = run(capsys, "dump", "-t", "file:f", "--map", "long.toml")

    assert (status, len(out.splitlines())) == (ExitCode.OK, 100)
    assert len(looked_at) < 30 * 100


@pytest.mark.usefixtures("folder")
def test_dump_of_a_map_without_effects_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "dump", "-t", "sim", "COUNT*")

    assert (status, len(out.splitlines())) == (ExitCode.OK, 4)
    assert (
        err
        == "regtap: note: no register here is marked as changed by a read, and vendors often leave that out\n"
    )


def test_a_write_only_register_is_no_mark_of_effects(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "plain.toml").write_text(
        'registers.A = { address = 0 }\nregisters.B = { address = 4, access = "write-only" }'
    )

    _, _, err = run(capsys, "dump", "-t", "file:f", "--map", "plain.toml")

    assert [line.removeprefix("regtap: note: ") for line in err.splitlines()] == [
        "B is left out: it is write-only",
        "no register here is marked as changed by a read, and vendors often leave that out",
    ]


@pytest.mark.usefixtures("folder")
def test_a_dump_comes_back_from_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    change(0, 0xA1)

    store("a.json")

    dump = read_dump(Path("a.json").read_bytes(), "a.json")
    assert [(it.register.name, it.value) for it in dump.readings] == [("A.CR", 0xA1), ("A.COUNT", 0)]
    assert dump.readings[0].register.fields == CR.fields
    assert [it.name for it in dump.left_out] == ["A.DR", "A.WO"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("force", [False, True])
def test_a_file_that_comes_while_registers_are_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    to_json = Dump.to_json

    def kept_waiting(self: Dump) -> str:
        Path("a.json").write_text("another's")
        return to_json(self)

    monkeypatch.setattr(Dump, "to_json", kept_waiting)
    options = ["-t", "file:f", "--map", "board.toml", "-o", "a.json", *["--force"][: int(force)]]

    status, _, err = run(capsys, "dump", *options)

    assert (status, "a.json exists" in err) == ((ExitCode.OK, False) if force else (ExitCode.INPUT, True))
    assert (Path("a.json").read_text() == "another's") is not force


@pytest.mark.usefixtures("folder")
def test_diff_of_two_dumps_names_registers_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    store("a.json")
    change(0, 0xA1)
    change(8, 7)
    store("b.json")
    capsys.readouterr()

    status, out, err = run(capsys, "diff", "a.json", "b.json")

    assert status == ExitCode.FINDING
    assert [line.split(maxsplit=4) for line in out.splitlines()] == [
        ["A.CR", "0x00000000", "->", "0x000000a1", "EN: 0 (OFF) -> 1 (ON)  LEVEL: 0 -> 10"],
        ["A.COUNT", "0x00000000", "->", "0x00000007"],
    ]
    assert "2 registers differ" in err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["A.CR", "A.COUNT"]),
        (["--no-volatile"], ["A.CR"]),
        (["--only", "A.CO*"], ["A.COUNT"]),
        (["--only", "CR"], ["A.CR"]),
        (["--only", "C?"], ["A.CR"]),
        (["--only", "CR", "--only", "COUNT"], ["A.CR", "A.COUNT"]),
        (["--ignore", "A.CR"], ["A.COUNT"]),
        (["--ignore", "COU*"], ["A.CR"]),
    ],
)
def test_diff_leaves_out_what_is_asked(
    capsys: pytest.CaptureFixture[str], arguments: list[str], names: list[str]
) -> None:
    store("a.json")
    change(0, 0xA1)
    change(8, 7)
    capsys.readouterr()

    status, out, _ = run(capsys, "diff", "--json", *arguments, "a.json", "file:f")

    assert [item["name"] for item in json.loads(out)] == names
    assert status == (ExitCode.FINDING if names else ExitCode.OK)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "A.CRR"], "there is nothing called 'A.CRR'; the nearest are A.CR"),
        (["--ignore", "CRR"], "there is nothing called 'CRR'; the nearest are A.CR"),
        (["--only", "A.X*"], "'A.X*' selects no register"),
        (["--ignore", "COUNTS*"], "'COUNTS*' selects no register; the nearest are A.COUNT"),
        (["--only", "CR", "--only", "A.DR"], "there is nothing called 'A.DR'"),
        (["--only", "A.CR.EN"], "A.CR.EN is a field; name its register A.CR"),
        (["--ignore", "LEVEL"], "A.CR.LEVEL is a field; name its register A.CR"),
        (["--ignore", "*"], "no register is left to compare"),
        (["--only", "COUNT", "--no-volatile"], "no register is left to compare"),
    ],
)
def test_a_comparison_of_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    store("a.json")
    capsys.readouterr()

    status, out, err = run(capsys, "diff", *arguments, "a.json", "a.json")

    assert (status, out, err.count("\n")) == (ExitCode.INPUT, "", 1)
    assert message in err


@pytest.mark.usefixtures("folder")
def test_the_same_counts_only_registers_that_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    store("a.json")
    change(8, 7)
    capsys.readouterr()

    status, _, err = run(capsys, "diff", "--only", "CR", "a.json", "file:f")

    assert status == ExitCode.OK
    assert "1 register of a.json and file:f hold the same" in err


@pytest.mark.usefixtures("folder")
def test_only_what_is_compared_is_read_of_a_live_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store("a.json")
    capsys.readouterr()
    read: list[str] = []
    read_device = Device.read

    def noted(self: Device, register: Register) -> int:
        read.append(register.name)
        return read_device(self, register)

    monkeypatch.setattr(Device, "read", noted)

    assert run(capsys, "diff", "--ignore", "COUNT", "a.json", "file:f")[0] == ExitCode.OK
    assert read == ["A.CR"]


@pytest.mark.parametrize(("texts", "missing"), [(["run1"], "'B'"), ([], "'A'")])
def test_a_missing_moment_is_named(
    capsys: pytest.CaptureFixture[str], texts: list[str], missing: str
) -> None:
    status, _, err = run(capsys, "diff", *texts)

    assert status == ExitCode.INPUT
    assert err == f"regtap: error: Missing argument {missing}; see `regtap diff --help`\n"


@pytest.mark.usefixtures("folder")
def test_a_live_target_is_not_read_where_that_has_an_effect(capsys: pytest.CaptureFixture[str]) -> None:
    store("a.json", "--allow-side-effects", "A.DR", "A.CR")
    capsys.readouterr()

    status, out, err = run(capsys, "diff", "a.json", "file:f", "--no-effects")

    assert (status, out) == (ExitCode.OK, "")
    assert "A.DR is left out: a read of A.DR pops" in err


def test_diff_compares_moments_of_traces(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"A.CR": np.array([0, 0x11, 0x11, 0x20], np.uint32)}
    write_trace(folder / "run", [CR], [0, 10**9, 2 * 10**9, 3 * 10**9], values)

    same = run(capsys, "diff", "run@1s", "run@2.5s")
    other = run(capsys, "diff", "run@2s", "run")

    assert same[:2] == (ExitCode.OK, "")
    assert "run@1 s and run@2 s hold the same" in same[2]
    assert other[0] == ExitCode.FINDING
    assert "EN: 1 (ON) -> 0 (OFF)  LEVEL: 1 -> 2" in other[1]


def test_the_row_at_a_moment_is_the_last_one_before_it(tmp_path: Path) -> None:
    values = {"A.CR": np.array([7, 8, 9, 10], np.uint32)}
    trace = open_trace(write_trace(tmp_path / "run", [CR], [5, 10, 15, 20], values))

    assert [trace.row_at(moment) for moment in (4, 5, 14, 15, 99, None)] == [
        None,
        (5, (7,)),
        (10, (8,)),
        (15, (9,)),
        (20, (10,)),
        (20, (10,)),
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["mem", "uio:0"], "neither mem nor uio:0 is a dump or a trace"),
        (["a.json", "none.json"], "there is no such file or trace"),
        (["a.json", "board.toml"], "is no dump: it is no JSON"),
        (["a.json", "run@5"], "unknown target 'run@5'"),
        (["a.json", "nonsense"], "unknown target 'nonsense'"),
    ],
)
def test_diff_refuses_in_one_line(capsys: pytest.CaptureFixture[str], texts: list[str], message: str) -> None:
    store("a.json")
    capsys.readouterr()

    status, out, err = run(capsys, "diff", *texts)

    assert (status, out, err.count("\n")) == (ExitCode.INPUT, "", 1)
    assert message in err


@pytest.mark.usefixtures("folder")
def test_dump_overwrites_nothing_by_accident(capsys: pytest.CaptureFixture[str]) -> None:
    store("a.json")
    capsys.readouterr()

    status, _, err = run(capsys, "dump", "-t", "file:f", "--map", "board.toml", "-o", "a.json")

    assert status == ExitCode.INPUT
    assert "a.json exists" in err
    store("a.json", "--force")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": "regtap-dump", "format_version": 9}',
        b'{"format": "regtap-dump", "format_version": 1, "target": 1}',
        Dump("x", 0, (Reading(Register("A", 0, "u8"), 256),)).to_json().encode(),
    ],
)
def test_what_is_no_dump_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="x is no dump: "):
        read_dump(content, "x")


def test_a_dump_keeps_what_was_left_out() -> None:
    dump = Dump("mem", 5, (Reading(CR, 3),), (LeftOut("A.DR", "pops"),))

    assert read_dump(dump.to_json().encode(), "x") == dump


def test_a_dump_whose_field_lies_outside_is_refused() -> None:
    wide = Register("R", 0, fields=(Field("F", 0, 2**36),))
    content = Dump("sim", 0, (Reading(wide, 1),)).to_json().encode()

    with pytest.raises(InputError, match=r"field F\[68719476735:0\] of R lies outside of its 32 bits"):
        read_dump(content, "a.json")
