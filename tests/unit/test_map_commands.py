"""Names of maps on the command line: read, write, map, doctor, info, record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import regtap
from regtap.cli.main import main
from regtap.cli.output import ExitCode
from regtap.errors import SideEffectError

BOARD = """
name = "board"
[blocks.UART]
address = 0x40
[blocks.UART.registers.CR]
offset = 0
description = "control"
reset = 0x1
fields.EN = { bits = 0, values = { OFF = 0, ON = 1 } }
fields.MODE = { bits = "2:1", values = { SLOW = 0, FAST = 2, ANY = "x1" }, description = "speed" }
[blocks.UART.registers.DR]
offset = 4
read_effect = "pops the FIFO"
[blocks.UART.registers.ISR]
offset = 8
fields.DONE = { bits = 0, write_effect = "one-clears" }
fields.MASK = 8
[blocks.UART.registers.TX]
offset = 12
access = "write-only"
fields.BYTE = "7:0"
fields.KIND = { bits = 8, values = { PLAIN = 0 }, otherwise = "OTHER" }
[blocks.UART.registers.ID]
offset = 16
access = "read-only"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGTAP_MAP", raising=False)
    Path("board.toml").write_text(BOARD)
    Path("f").write_bytes(bytes(range(128)))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def on_file(command: str, *arguments: str) -> list[str]:
    return [command, "-t", "file:f", "--map", "board.toml", *arguments]


def word(folder: Path, at: int) -> int:
    return int.from_bytes((folder / "f").read_bytes()[at : at + 4], "little")


@pytest.mark.usefixtures("folder")
def test_read_shows_fields_with_the_names_of_their_values(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *on_file("read", "UART.CR", "CR.MODE"))

    assert (status, err) == (ExitCode.OK, "")
    whole, mode = out.splitlines()
    assert whole.split(maxsplit=4) == [
        "UART.CR",
        "0x40",
        "0x43424140",
        "1128415552",
        "EN=0 (OFF)  MODE=0 (SLOW)",
    ]
    assert mode.split() == ["UART.CR.MODE", "0x40", "[2:1]=0", "(SLOW)"]


@pytest.mark.usefixtures("folder")
def test_json_has_numbers_and_names(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, *on_file("read", "--json", "CR", "CR.EN"))

    whole, field = json.loads(out)
    assert (whole["fields"], whole["value_names"]) == ({"EN": 0, "MODE": 0}, {"EN": "OFF", "MODE": "SLOW"})
    assert (field["name"], field["bits"], field["value"], field["value_name"]) == (
        "UART.CR.EN",
        "0",
        0,
        "OFF",
    )


@pytest.mark.usefixtures("folder")
def test_a_glob_reads_what_may_be_read_and_names_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *on_file("read", "UART.*"))

    assert status == ExitCode.OK
    assert [line.split()[0] for line in out.splitlines()] == ["UART.CR", "UART.ISR", "UART.ID"]
    assert "UART.DR is left out: a read of UART.DR pops the FIFO" in err
    assert "UART.TX is left out: it is write-only" in err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["UART.DR", "DR", "0x44", "0x46:u16", "X=0x40:u64", "D*"])
def test_a_read_with_an_effect_is_refused_however_it_is_named(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    status, out, err = run(capsys, *on_file("read", text))

    assert (status, out, err.count("\n")) == (ExitCode.INPUT, "", 1)
    assert "a read of UART.DR pops the FIFO" in err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "expected"), [("UART.DR", ExitCode.OK), ("0x44", ExitCode.OK), ("DR", ExitCode.INPUT)]
)
def test_an_effect_is_allowed_for_a_full_name_only(
    capsys: pytest.CaptureFixture[str], text: str, expected: int
) -> None:
    status, _, err = run(capsys, *on_file("read", "--allow-side-effects", text))

    assert status == expected
    assert ("name it in full (UART.DR)" in err) == (expected != ExitCode.OK)


def test_an_overlay_marks_what_a_vendor_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.toml").write_text('[effects]\n"UART.ID" = "starts a conversion"')

    status, _, err = run(capsys, *on_file("read", "--map", "mine.toml", "ID"))

    assert status == ExitCode.INPUT
    assert "a read of UART.ID starts a conversion" in err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["read", "UART.CX"], "unknown register 'UART.CX'; the nearest are UART.TX, UART.CR"),
        (["read", "CR.XX"], "unknown field 'CR.XX'; UART.CR has EN, MODE"),
        (["read", "CR.MOD"], "unknown field 'CR.MOD'; the nearest are UART.CR.MODE"),
        (["write", "UART.CR.EM", "1"], "unknown field 'UART.CR.EM'; UART.CR has EN, MODE"),
        (["read", "UART.ID.XX"], "unknown field 'UART.ID.XX'; UART.ID has no fields here"),
        (["read", "ISRR.MASK"], "unknown register 'ISRR.MASK'; the nearest are UART.ISR"),
        (["record", "CR.EN", "-o", "run"], "UART.CR.EN is a field; name its register UART.CR"),
        (["write", "CR.MODE", "TURBO"], "has no value called 'TURBO'; it has SLOW, FAST, ANY"),
        (
            ["write", "TX.KIND", "OTHER"],
            "'OTHER' stands for every other value of UART.TX.KIND; write a number",
        ),
        (["dump", "--json", "-o", "f.json"], "-o writes JSON, and --json prints it; leave one out"),
        (["write", "CR.MODE", "4"], "does not fit UART.CR.MODE[2:1] (0 to 0x3)"),
        (["write", "CR", "1", "--others", "0"], "--others is for a field"),
        (["write", "CR.EN", "1", "--others", "0x100000000"], "does not fit UART.CR"),
        (["write", "ID", "1"], "UART.ID is read-only"),
        (
            ["write", "ISR.MASK", "1"],
            "DONE acts on being written back (one-clears); give the value of the other bits",
        ),
        (["write", "TX.BYTE", "1"], "UART.TX is write-only, so that its other bits cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], command: list[str], text: str
) -> None:
    status, out, err = run(capsys, *on_file(*command))

    assert (status, out, err.count("\n")) == (ExitCode.INPUT, "", 1)
    assert text in err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "options",
    [
        ["UART.*", "-o", "made.toml"],
        ["--at", "0x40", "-o", "made.toml"],
        ["--check", "-o", "made.toml"],
        ["--json", "-o", "made.toml"],
        ["UART.CR", "--check"],
        ["--at", "0x40", "--check"],
        ["UART.CR", "--at", "0x44"],
    ],
)
def test_options_of_map_of_which_one_would_do_nothing(
    capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    status, out, err = run(capsys, "map", "board.toml", *options)

    assert (status, out) == (ExitCode.INPUT, "")
    assert "do not go together; leave one out" in err
    assert not Path("made.toml").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("STATUS.BUZY", "unknown field 'STATUS.BUZY'; the nearest are STATUS.BUSY"),
        ("STATUZ", "unknown register 'STATUZ'; write ADDRESS[:TYPE]"),
    ],
)
def test_an_unknown_name_of_the_simulated_device_is_said(
    capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    status, _, err = run(capsys, "read", "-t", "sim", name)

    assert status == ExitCode.INPUT
    assert text in err


def test_a_field_is_read_changed_and_written_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, *on_file("write", "UART.CR.MODE", "FAST", "--verify"))

    assert status == ExitCode.OK
    assert word(folder, 0x40) == 0x43424140 | 4
    assert "read 0x43424140, wrote 0x43424144 to UART.CR at 0x40: MODE[2:1] 0 (SLOW) -> 2 (FAST)" in out
    assert "read back 0x43424144" in out


@pytest.mark.parametrize(("name", "others", "stored"), [("ISR.MASK", "0", 0x100), ("CR.EN", "0xf0", 0xF1)])
def test_the_other_bits_can_be_given(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, others: str, stored: int
) -> None:
    status, out, _ = run(capsys, *on_file("write", name, "1", "--others", others))

    assert status == ExitCode.OK
    assert out.startswith("wrote ")
    assert word(folder, 0x48 if "ISR" in name else 0x40) == stored


@pytest.mark.usefixtures("folder")
def test_a_map_comes_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGTAP_MAP", "board.toml:UART@0x10")

    status, out, _ = run(capsys, "read", "-t", "file:f", "ID")

    assert (status, out.split()[:3]) == (ExitCode.OK, ["UART.ID", "0x20", "0x23222120"])


@pytest.mark.usefixtures("folder")
def test_map_lists_registers(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "map", "board.toml")

    assert status == ExitCode.OK
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["NAME", "ADDRESS", "TYPE", "ACCESS", "RESET", "READING", "DESCRIPTION"]
    assert lines[1] == ["UART.CR", "0x40", "u32", "read-write", "0x1", "control"]
    assert lines[2] == ["UART.DR", "0x44", "u32", "read-write", "pops", "the", "FIFO"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", [["--at", "0x41"], ["CR"], ["*CR"]])
def test_map_shows_the_fields_of_one_register(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    _, out, _ = run(capsys, "map", "board.toml", *arguments)

    assert out.splitlines()[1].split()[0] == "UART.CR"
    assert out.splitlines()[3].split() == ["[2:1]", "MODE", "0=SLOW", "2=FAST", "x1=ANY", "speed"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["board.toml", "--at", "0x80"], "no register of the map lies at 0x80"),
        (["board.toml", "X*"], "'X*' selects no register"),
        (["none.toml"], "No such file"),
        (["board.toml:UARD"], "has no block called 'UARD'; the nearest are UART"),
        (["board.toml", "-o", "x.pdf"], "name it .toml or .svd"),
        (["board.toml", "-o", "board.toml"], "exists"),
    ],
)
def test_map_refuses_in_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    status, out, err = run(capsys, "map", *arguments)

    assert (status, out, err.count("\n")) == (ExitCode.INPUT, "", 1)
    assert text in err


@pytest.mark.parametrize("name", ["copy.toml", "copy.svd"])
def test_map_writes_what_reads_back_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(capsys, "map", "board.toml", "-o", name)[0] == ExitCode.OK

    _, before, _ = run(capsys, "map", "board.toml", "--json")
    _, after, _ = run(capsys, "map", name, "--json")
    # SVD has a word for a read that changes the register, and none for how
    assert json.loads(after) == json.loads(
        before.replace("pops the FIFO", "pops the FIFO" if "toml" in name else "changes it")
    )


@pytest.mark.usefixtures("folder")
def test_map_leaves_a_file_that_comes_meanwhile(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept_waiting(*_: object) -> bytes:
        Path("made.toml").write_text("another's")
        return b"ours"

    monkeypatch.setattr("regtap.maps.toml_write.write_toml", kept_waiting)

    status, _, err = run(capsys, "map", "sim", "-o", "made.toml")

    assert (status, "made.toml exists" in err) == (ExitCode.INPUT, True)
    assert Path("made.toml").read_text() == "another's"


def test_map_finds_faults(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.toml").write_text(
        """
        registers.A = { address = 0, reset = 0x100000000 }
        registers.B = { address = 2, type = "u16", fields.X = "3:0", fields.Y = 3 }
        registers.C = { address = 8, bits = 128 }
        registers.D = { address = 0x101 }
        registers.E = { address = 0x200, bits = 23 }
        blocks.F = { address = 0x1000, count = 2, step = 4, registers.G.offset = 4 }
        """
    )

    status, out, _ = run(capsys, "map", "bad.toml", "--check")

    assert status == ExitCode.FINDING
    found = [line.partition(": ")[0] for line in out.splitlines()]
    assert found == ["F[%s]", "A", "B.Y[3]", "C", "D", "E", "B", "bad.toml"]
    assert "its reset value 0x100000000 does not fit its 32 bits" in out
    assert "F[%s]: each is 0x8 bytes long, and the next one begins 0x4 bytes after it" in out
    assert "B: it overlaps A at 0x2" in out
    assert run(capsys, "map", "board.toml", "--check")[:2] == (
        ExitCode.OK,
        "board.toml: regtap TOML, 0 faults\n",
    )


def test_the_simulated_device_has_a_map(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("sim.svd", "sim.toml"):
        assert run(capsys, "map", "sim", "-o", name)[0] == ExitCode.OK

        status, out, _ = run(capsys, "read", "-t", "sim", "--map", name, "STATUS.BUSY", "ID")

        assert status == ExitCode.OK
        assert "STATUS.BUSY" in out.splitlines()[0]
        assert "0x54474552" in out.splitlines()[1]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", [["--map", "sim"], ["--map", "sim@0"], []])
def test_the_simulated_device_is_known_by_name(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    status, out, err = run(capsys, "read", "-t", "sim", *arguments, "STATUS.BUSY", "ID")

    assert (status, err) == (ExitCode.OK, "")
    assert [line.split()[0] for line in out.splitlines()] == ["STATUS.BUSY", "ID"]


def test_a_file_called_sim_is_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sim").write_text("registers.MINE = { address = 0 }")

    assert [line.split()[0] for line in run(capsys, "map", "sim")[1].splitlines()] == ["NAME", "MINE"]
    assert run(capsys, "read", "-t", "sim", "--map", "sim", "MINE")[0] == ExitCode.OK


@pytest.mark.usefixtures("folder")
def test_the_simulated_devices_map_may_be_the_usual_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGTAP_MAP", "sim:board.toml")

    status, out, _ = run(capsys, "read", "-t", "file:f", "GPIO", "UART.CR")

    assert status == ExitCode.OK
    assert [line.split()[:2] for line in out.splitlines()] == [["GPIO", "0x28"], ["UART.CR", "0x40"]]


def test_what_a_map_says_cannot_move_the_cursor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = 'bits = 0, values = { "\\u001bX" = 0 }'
    (folder / "evil.toml").write_text(
        f'registers.A = {{ address = 0, description = "\\u001b[2J", fields.F = {{ {values} }} }}'
    )

    _, listed, _ = run(capsys, "map", "evil.toml", "A")
    _, read, _ = run(capsys, "read", "-t", "file:f", "--map", "evil.toml", "A")

    assert "\x1b" not in listed + read
    assert "\\x1b" in listed
    assert "\\x1b" in read


@pytest.mark.usefixtures("folder")
def test_doctor_says_what_lies_at_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "doctor", "--map", "board.toml", "--json", "0x45:u8")

    group = json.loads(out)["groups"][0]
    assert group["title"] == "what the map says"
    found = [(item["name"], item["status"], item["meaning"]) for item in group["findings"]]
    assert found == [("UART.DR", "warning", "a read of UART.DR pops the FIFO")]


@pytest.mark.usefixtures("folder")
def test_a_trace_shows_names_without_the_map(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *on_file("record", "UART.CR", "-o", "run", "--samples", "10"))[0] == ExitCode.OK

    status, out, _ = run(capsys, "info", "run")

    assert status == ExitCode.OK
    assert "UART.CR.EN    [0]    0=OFF 1=ON" in out
    assert "UART.CR.MODE  [2:1]  0=SLOW 2=FAST x1=ANY" in out


@pytest.mark.usefixtures("folder")
def test_a_map_describes_a_trace_that_was_recorded_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "record", "-t", "file:f", "X=0x40", "-o", "run", "--samples", "10")[0] == ExitCode.OK

    _, plain, _ = run(capsys, "info", "run", "--json")
    _, named, _ = run(capsys, "info", "run", "--map", "board.toml", "--json")

    (before,), (after,) = json.loads(plain)["registers"], json.loads(named)["registers"]
    assert (before["name"], before["fields"]) == ("X", [])
    assert (after["name"], [field["name"] for field in after["fields"]]) == ("X", ["EN", "MODE"])


@pytest.mark.parametrize(
    ("arguments", "output"),
    [(["export", "run", "-o"], "run.vcd"), (["view", "run", "--export"], "run.html")],
)
def test_what_is_made_of_a_trace_has_the_maps_fields(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], output: str
) -> None:
    assert run(capsys, "record", "-t", "file:f", "X=0x40", "-o", "run", "--samples", "10")[0] == ExitCode.OK

    plain = run(capsys, *arguments, f"plain-{output}")
    named = run(capsys, *arguments, output, "--map", "board.toml")

    assert (plain[0], named[0]) == (ExitCode.OK, ExitCode.OK)
    assert "MODE" not in (folder / f"plain-{output}").read_text()
    assert "MODE" in (folder / output).read_text()


@pytest.mark.usefixtures("folder")
def test_questions_are_asked_by_the_maps_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "record", "-t", "file:f", "X=0x40", "-o", "run", "--samples", "10")[0] == ExitCode.OK

    status, out, _ = run(capsys, "stats", "run", "--question", "states", "--json", "--map", "board.toml")

    assert status == ExitCode.OK
    named = {row["signal"]: row["name"] for row in json.loads(out)["states"]}
    assert named == {"X": None, "X.EN": "OFF", "X.MODE": "SLOW"}


@pytest.mark.usefixtures("folder")
def test_python_takes_maps_and_refuses_effects() -> None:
    with pytest.raises(SideEffectError) as caught:
        regtap.record("UART.DR", "run", target="file:f", maps="board.toml")
    assert (caught.value.register, caught.value.effect) == ("UART.DR", "a read of UART.DR pops the FIFO")

    with regtap.record(["UART.C*", "ISR"], "run", target="file:f", maps=["board.toml"], samples=5) as capture:
        capture.wait()

    assert [register.name for register in capture.registers] == ["UART.CR", "UART.ISR"]


@pytest.mark.usefixtures("folder")
def test_python_takes_the_simulated_devices_map() -> None:
    with regtap.record(["STATUS"], "run", target="sim", maps="sim", samples=5) as capture:
        capture.wait()

    assert [field.name for field in capture.registers[0].fields] == ["BUSY", "DONE", "ERROR", "LEVEL"]
