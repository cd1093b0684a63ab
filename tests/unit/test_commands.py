"""From what a command raises or returns to exit code and one line; the commands themselves run elsewhere."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import click
import pytest
from tests.command import REGTAP

from regtap.cli import main as cli_main
from regtap.cli.main import main
from regtap.cli.output import ExitCode, print_error, print_json_list
from regtap.errors import (
    AddressError,
    BusFaultError,
    InputError,
    RefusedError,
    RegtapError,
    StorageError,
    TraceError,
)
from regtap.registers.model import Register, RegisterMap
from regtap.targets import FileTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Entry(EntryPoint):
    """An entry point of a command that does one thing."""

    def load(self) -> object:
        return _COMMANDS[self.value]


_COMMANDS: dict[str, click.Command] = {}


def _install(monkeypatch: pytest.MonkeyPatch, outcome: object) -> None:
    """Let `regtap act` raise or return an outcome."""

    def act() -> object:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setitem(_COMMANDS, "act", click.Command("act", callback=act))
    monkeypatch.setattr(cli_main, "_entries", lambda: {"act": _Entry("act", "act", "regtap.commands")})


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (None, ExitCode.OK),
        (ExitCode.FINDING, ExitCode.FINDING),
        (3, ExitCode.REFUSED),
        ("text", ExitCode.OK),
        (InputError("x"), ExitCode.INPUT),
        (AddressError("x", address=1), ExitCode.INPUT),
        (TraceError("x"), ExitCode.INPUT),
        (click.UsageError("x"), ExitCode.INPUT),
        (click.BadParameter("x"), ExitCode.INPUT),
        (RefusedError("x", remedy="y"), ExitCode.REFUSED),
        (PermissionError(errno.EACCES, "x", "path"), ExitCode.REFUSED),
        (BusFaultError("R", 0), ExitCode.FAULT),
        (StorageError("x", path="p"), ExitCode.FAULT),
        (OSError(errno.ENOSPC, "x"), ExitCode.FAULT),
        (RegtapError("x"), ExitCode.FAULT),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (click.exceptions.Exit(1), ExitCode.FINDING),
    ],
)
def test_each_outcome_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, outcome: object, code: ExitCode
) -> None:
    _install(monkeypatch, outcome)
    assert main(["act"]) == code


@pytest.mark.parametrize(
    "error", [InputError("a\n b"), RefusedError("a", remedy="b"), OSError(2, "a", "p"), click.UsageError("a")]
)
def test_an_error_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    _install(monkeypatch, error)
    main(["act"])

    printed = capsys.readouterr()

    assert printed.out == ""
    assert printed.err.startswith("regtap: error: ")
    assert printed.err.count("\n") == 1


def test_an_error_of_the_system_names_its_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _install(monkeypatch, PermissionError(errno.EACCES, "Permission denied", "/some/path"))
    main(["act"])
    assert "/some/path: Permission denied" in capsys.readouterr().err


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["act"])


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("a\x1b[31m\nb\udcffµ")
    assert capsys.readouterr().err == "regtap: error: a\\x1b[31m b\\udcffµ\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["frobnicate"], "No such command 'frobnicate'; see `regtap --help`"),
        (["--frob"], "see `regtap --help`"),
        (["act", "--frob"], "see `regtap act --help`"),
        (["act", "extra"], "see `regtap act --help`"),
    ],
)
def test_wrong_usage_points_to_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    _install(monkeypatch, None)
    assert main(arguments) == ExitCode.INPUT
    assert text in capsys.readouterr().err


def test_no_command_prints_the_help_and_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _install(monkeypatch, None)
    assert main([]) == ExitCode.INPUT

    printed = capsys.readouterr()

    assert (printed.out, printed.err[:13]) == ("", "Usage: regtap")


@pytest.mark.parametrize("name", sorted(cli_main._entries()))
def test_the_help_says_of_a_command_what_it_says_itself(name: str) -> None:
    entry = cli_main._entries()[name]

    assert cli_main._help_line(entry) == cli_main._load(entry).get_short_help_str(100)


@pytest.mark.parametrize("name", sorted(cli_main._entries()))
def test_the_help_of_a_command_shows_no_mark_of_click(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == ExitCode.OK

    assert "\\b" not in capsys.readouterr().out


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("broken", "regtap_no_such_module:command", "regtap.commands")
    monkeypatch.setattr(cli_main, "_entries", lambda: {"broken": entry})


@pytest.mark.usefixtures("broken")
def test_a_command_that_cannot_be_loaded_leaves_the_help_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == ExitCode.OK
    assert "broken  (cannot be loaded)" in capsys.readouterr().out


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("arguments", [[], ["--help"], ["--option", "value"]])
def test_a_command_that_cannot_be_loaded_says_why_when_called(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["broken", *arguments]) == ExitCode.REFUSED
    assert "regtap_no_such_module" in capsys.readouterr().err


def test_a_json_list_is_whole_when_its_items_end_in_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    def items() -> Iterator[dict[str, object]]:
        yield {"a": 1}
        yield {"a": 2}
        raise BusFaultError("R", 0)

    with pytest.raises(BusFaultError):
        print_json_list(items())
    assert json.loads(capsys.readouterr().out) == [{"a": 1}, {"a": 2}]


def test_an_empty_json_list_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    print_json_list([])
    assert json.loads(capsys.readouterr().out) == []


PROGRAM = """
import sys
from regtap.cli.main import main
main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
"""
HEAVY = {"numpy", "pyarrow", "matplotlib", "rich", "pandas"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["sim", "--help"], ["read", "-t", "file:/dev/zero", "0"]]
)
def test_the_quick_commands_import_nothing_heavy(arguments: list[str]) -> None:
    run = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stderr.split())


class _Described(FileTarget):
    """A file that knows a register whose reading has an effect."""

    @property
    def registers(self) -> RegisterMap:
        return RegisterMap(
            (Register("DATA", 8, read_effect="takes a byte out of the FIFO"), Register("ID", 0))
        )


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "f"
    path.write_bytes(bytes(64))
    for module in ("read", "write"):
        monkeypatch.setattr(
            f"regtap.commands.{module}.parse_target", lambda text: _Described(text, str(path))
        )
    return path


EFFECT = "a read of DATA takes a byte out of the FIFO"


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        (["read", "DATA"], "add --allow-side-effects"),
        (["read", "0x8:u8"], "add --allow-side-effects"),
        (["read", "0xb:u8"], "add --allow-side-effects"),
        (["read", "ID", "0x8"], "add --allow-side-effects"),
        (["read", "8+4"], "8+4 holds nothing that may be read"),
        (["read", "DAT*"], "selects nothing that may be read"),
        (["write", "DATA", "1", "--verify"], "add --allow-side-effects"),
    ],
)
def test_a_read_with_an_effect_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], how: str
) -> None:
    assert main(arguments) == ExitCode.INPUT

    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert EFFECT in err
    assert how in err


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    "arguments",
    [
        ["read", "DATA", "--allow-side-effects"],
        ["read", "ID", "0xc", "0+8", "0x7:u8"],
        ["write", "DATA", "1"],
        ["write", "DATA", "1", "--verify", "--allow-side-effects"],
    ],
)
def test_what_has_no_effect_or_was_allowed_is_read(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == ExitCode.OK

    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    ("text", "row"),
    [("0+16", "0x0  00000000 00000000 -------- 00000000\n"), ("*", "ID  0x0  0x00000000  0\n")],
)
def test_dumps_and_globs_leave_out_what_has_an_effect(
    capsys: pytest.CaptureFixture[str], text: str, row: str
) -> None:
    assert main(["read", text, "--allow-side-effects"]) == ExitCode.OK

    out, err = capsys.readouterr()
    assert " ".join(out.split()) == " ".join(row.split())
    assert "is left out: " + EFFECT in err


def test_ending_does_not_depend_on_stdout_being_open() -> None:
    pid = os.posix_spawn(
        sys.executable,
        [*REGTAP, "read", "-t", "file:/dev/zero", "0"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_CLOSE, 1)],
    )
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == ExitCode.OK
