"""`regtap watch` in a pseudo-terminal, on a file that plays the device; and what it prints for programs."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.command import fork_regtap, run_regtap, start_regtap
from tests.terminal import Terminal

A, B, C = 0, 4, 4096  # places of the registers
REGISTERS = (f"A={A}", f"B={B}", f"C={C}")
MAP = """
name = "device"
[registers.CTRL]
address = 0x0
fields = { EN = "0", MODE = { bits = "2:1", values = { SLOW = 0, FAST = 2 } } }
[registers.FIFO]
address = 0x8
read_effect = "pops the FIFO"
"""


class _Device:
    """A file whose bytes are registers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(8192))

    def put(self, address: int, value: int) -> None:
        """Let a register have a value."""
        with self.path.open("r+b") as file:
            os.pwrite(file.fileno(), value.to_bytes(4, "little"), address)


@pytest.fixture
def device(tmp_path: Path) -> _Device:
    return _Device(tmp_path / "device")


def _terminal(
    device: _Device,
    *arguments: str,
    size: tuple[int, int] = (24, 80),
    env: dict[str, str] | None = None,
    has_jobs: bool = False,
) -> Terminal:
    watched = ("-t", f"file:{device.path}", "--rate", "500", *arguments)
    return Terminal("watch", *watched, size=size, env=env, has_jobs=has_jobs)


@pytest.mark.parametrize(("size", "has_spark"), [((24, 80), False), ((60, 200), True)])
def test_the_table_fits_the_terminal(device: _Device, size: tuple[int, int], has_spark: bool) -> None:
    with _terminal(device, *REGISTERS, size=size) as terminal:
        terminal.wait_for("0x00000000")
        device.put(A, 0xABCD)
        terminal.wait_for("0x0000abcd")
        lines = terminal.lines()

        assert lines[1].split()[:3] == ["NAME", "VALUE", "DECIMAL"]
        assert ("LATELY" in lines[1]) is has_spark
        assert terminal.row("A")[1:3] == ["0x0000abcd", "43981"]
        assert lines[-1].startswith("? help")


def test_q_gives_the_terminal_back(device: _Device) -> None:
    with _terminal(device, *REGISTERS) as terminal:
        terminal.wait_for("0x00000000")
        terminal.press("q")

        assert terminal.end() == 0
        assert b"\x1b[?25h" in terminal.written[-40:]  # the cursor is there again


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_ordinary_end(device: _Device, number: signal.Signals) -> None:
    with _terminal(device, *REGISTERS) as terminal:
        terminal.wait_for("0x00000000")
        terminal.signal(number)

        assert terminal.end() == 0


def test_pause_holds_the_screen_and_the_counts_go_on(device: _Device) -> None:
    with _terminal(device, "--interval", "20ms", *REGISTERS, size=(24, 120)) as terminal:
        terminal.wait_for("0x00000000")
        terminal.press("p")
        terminal.wait_for("PAUSED")
        device.put(A, 5)
        terminal.press("?")
        terminal.wait_for("quit")
        terminal.press("x")
        terminal.wait_for("NAME")
        held = terminal.row("A")[1]
        terminal.press("p")
        terminal.wait_for("0x00000005")

        assert held == "0x00000000"


def test_the_filter_shows_names_that_match(device: _Device) -> None:
    with _terminal(device, *REGISTERS) as terminal:
        terminal.wait_for("0x00000000")
        terminal.press("/b")
        terminal.wait_for("filter: b")
        terminal.press("\r")
        terminal.wait_for("only names with 'b'")
        filtered = [bool(terminal.row(name)) for name in "ABC"]
        terminal.press("\x1b")
        terminal.wait_for(lambda text: "\nA " in text)

        assert filtered == [False, True, False]


def test_a_snapshot_shows_what_differs(device: _Device) -> None:
    with _terminal(device, *REGISTERS, size=(24, 160)) as terminal:
        terminal.wait_for("0x00000000")
        terminal.press("s")
        terminal.wait_for("SNAPSHOT")
        device.put(B, 9)
        terminal.wait_for("0x00000009")
        terminal.press("c")
        terminal.wait_for(lambda text: "\nA " not in text)

        assert terminal.row("B")[1:5] == ["0x00000009", "9", "0x00000000", "!"]


def test_a_resized_terminal_is_filled(device: _Device) -> None:
    with _terminal(device, *REGISTERS, size=(24, 80)) as terminal:
        terminal.wait_for("0x00000000")
        terminal.resize(40, 200)
        terminal.wait_for("LATELY")
        terminal.wait_for(lambda text: text.splitlines()[-1].startswith("? help"))
        terminal.resize(6, 40)
        text = terminal.wait_for(lambda text: "LATELY" not in text and "? help" in text)

        assert len(text.splitlines()) == 6


def test_ctrl_z_gives_the_terminal_back_until_the_shell_goes_on(device: _Device) -> None:
    with _terminal(device, "--interval", "60s", *REGISTERS, has_jobs=True) as terminal:
        terminal.wait_for("? help")
        assert not terminal.is_given_back()
        terminal.press("\x1a")
        terminal.wait_for(lambda text: "stopped" in text and terminal.is_given_back())
        assert b"\x1b[?25h" in terminal.written  # the cursor is there again
        terminal.press("\n")
        text = terminal.wait_for(lambda text: "stopped" not in text and "? help" in text)

        assert [line.split()[0] for line in text.splitlines()[1:5]] == ["NAME", "A", "B", "C"]
        assert not terminal.is_given_back()


def test_ctrl_z_where_no_shell_could_go_on_changes_nothing(device: _Device) -> None:
    with _terminal(device, *REGISTERS) as terminal:
        terminal.wait_for("? help")
        cleared = terminal.written.count(b"\x1b[J")
        terminal.press("\x1a")
        terminal.wait_for(lambda text: terminal.written.count(b"\x1b[J") > cleared)
        device.put(A, 0x1234)
        text = terminal.wait_for(lambda text: "0x00001234" in text and "? help" in text)

        assert [line.split()[0] for line in text.splitlines()[1:5]] == ["NAME", "A", "B", "C"]


def test_a_terminal_that_goes_away_ends_the_watch(device: _Device) -> None:
    with _terminal(device, *REGISTERS) as terminal:
        terminal.wait_for("0x00000000")

        assert terminal.hang_up() in (0, 4)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "vt100"}])
def test_a_terminal_without_colours_does(device: _Device, env: dict[str, str]) -> None:
    with _terminal(device, *REGISTERS, env=env) as terminal:
        terminal.wait_for("0x00000000")
        device.put(A, 1)
        terminal.wait_for("0x00000001")

        assert not re.search(rb"\x1b\[[0-9;]*(3[0-7]|4[0-7])[;m]", terminal.written)
        assert re.search(rb"\x1b\[[0-9;]*7m", terminal.written)  # reversed: changed just now


def test_a_terminal_without_utf8_gets_ascii(device: _Device) -> None:
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with _terminal(device, *REGISTERS, size=(24, 160), env=env) as it:
        it.wait_for("0x00000000")
        it.wait_for("_____")

        assert it.written.isascii()


@pytest.mark.parametrize("name", ["dumb", "unknown-terminal", ""])
def test_a_terminal_without_a_cursor_is_told(device: _Device, name: str) -> None:
    with _terminal(device, *REGISTERS, size=(24, 200), env={"TERM": name}) as terminal:
        assert terminal.end() == 2
        assert "--once" in terminal.text()
        assert "Traceback" not in terminal.text()


def test_no_terminal_is_told(device: _Device) -> None:
    done = run_regtap("watch", "-t", f"file:{device.path}", *REGISTERS, stdin=-3)

    assert (done.returncode, done.stdout) == (2, "")
    assert "--once" in done.stderr


def test_a_bus_error_is_on_its_row_and_t_tries_again(device: _Device) -> None:
    with _terminal(device, *REGISTERS) as terminal:
        terminal.wait_for("0x00000000")
        os.truncate(device.path, 4096)
        terminal.wait_for("bus error")
        device.put(A, 6)
        terminal.wait_for("0x00000006")
        faulted = [terminal.row(name)[2:4] for name in "ABC"]
        os.truncate(device.path, 8192)
        terminal.press("t")
        terminal.wait_for(lambda text: "0x00000000 bus error" not in text)
        terminal.press("q")

        assert faulted[2] == ["bus", "error"]
        assert ["bus", "error"] not in faulted[:2]
        assert terminal.end() == 0


def test_r_records_what_is_watched(device: _Device, tmp_path: Path) -> None:
    trace = tmp_path / "run"
    with _terminal(device, "-o", str(trace), *REGISTERS, size=(24, 200)) as terminal:
        terminal.wait_for("0x00000000")
        terminal.press("r")
        terminal.wait_for(lambda text: re.search(r"RECORDING .* [1-9][0-9,]* samples", text) is not None)
        terminal.press("r")
        said = terminal.wait_for(lambda text: "= stored" in text)
        terminal.press("q")
        code = terminal.end()

    info = json.loads(fork_regtap("info", "--json", trace).stdout)
    assert code in (0, 1)  # 1: this machine missed to store some
    assert f"{trace}: due" in said
    assert [register["name"] for register in info["registers"]] == ["A", "B", "C"]


def test_fields_have_rows_and_counts_of_their_own(device: _Device, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP)
    with _terminal(device, "--map", str(tmp_path / "map.toml"), "CTRL", size=(24, 120)) as terminal:
        terminal.wait_for("EN=0  MODE=0 (SLOW)")
        device.put(0, 0b101)
        terminal.wait_for("EN=1  MODE=2 (FAST)")
        terminal.press("f")
        terminal.wait_for("MODE[2:1]")

        assert terminal.row("MODE[2:1]")[1:4] == ["0x2", "2", "(FAST)"]


def test_a_read_with_an_effect_is_refused(device: _Device, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP)
    arguments = ("watch", "-t", f"file:{device.path}", "--map", tmp_path / "map.toml", "--once")

    refused = fork_regtap(*arguments, "FIFO")
    glob = fork_regtap(*arguments, "*")
    allowed = fork_regtap(*arguments, "--allow-side-effects", "FIFO")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "pops the FIFO" in refused.stderr
    assert "FIFO is left out" in glob.stderr
    assert [line.split()[0] for line in allowed.stdout.splitlines()] == ["NAME", "FIFO"]


def test_once_prints_the_table(device: _Device) -> None:
    device.put(B, 77)
    done = fork_regtap("watch", "-t", f"file:{device.path}", *REGISTERS, "--once")

    assert done.returncode == 0
    assert [line.split()[:3] for line in done.stdout.splitlines()][2] == ["B", "0x0000004d", "77"]


def test_once_with_a_bus_error_is_exit_code_4(device: _Device) -> None:
    done = run_regtap("watch", "-t", "sim", "COUNT32", "--once", "--json")
    assert done.returncode == 0

    process = start_regtap("watch", "-t", f"file:{device.path}", *REGISTERS, "--json", "--interval", "20ms")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    os.truncate(device.path, 4096)
    while not json.loads(process.stdout.readline())["registers"][2]["is_faulted"]:
        pass
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)

    assert process.returncode == 4
    assert "C at 0x1000 stopped answering" in errors


def test_json_counts_a_pulse_between_two_lines(device: _Device) -> None:
    process = start_regtap(
        "watch", "-t", f"file:{device.path}", "A=0", "--json", "--rate", "2k", "--interval", "20ms"
    )
    assert process.stdout is not None
    lines: list[dict[str, Any]] = []
    value = 0
    while sum(line["registers"][0]["changes"] for line in lines) < 6:
        lines.append(json.loads(process.stdout.readline()))
        value = 1 - value
        device.put(A, value)
    process.stdout.close()  # whoever read has gone
    process.wait(120)
    assert process.stderr is not None
    process.stderr.close()

    last = lines[-1]["registers"][0]
    assert last["all_changes"] == sum(line["registers"][0]["changes"] for line in lines)
    assert (last["smallest"], last["largest"]) == (0, 1)
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--rate", "max", "A=0"), "even rate"),
        (("--interval", "1ms", "A=0"), "20ms to 60s"),
        (("A=0", "A=4"), "named twice"),
        (("NOTHING",), "unknown register"),
    ],
)
def test_bad_input_is_one_line(device: _Device, arguments: tuple[str, ...], says: str) -> None:
    done = fork_regtap("watch", "-t", f"file:{device.path}", "--once", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
