"""`regtap report` and `regtap compare` as processes, on folders as `regtap bench` leaves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.command import fork_regtap
from tests.simulated_bench import Machine, evaluation_of, result_of, scaled

from regtap_bench.figures.result import Check, Result
from regtap_bench.report.storage import render, store
from regtap_bench.session import Session

DEARER = [1.2] * 5


def _one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return what went wrong: one line, and nothing else."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("regtap: error: ")
    return line


@pytest.fixture(scope="module")
def session() -> Session:
    blocks = Machine().run(rounds=60)
    return Session(result_of(evaluation_of(blocks)), blocks)


@pytest.fixture(scope="module")
def rendered(session: Session) -> dict[str, bytes]:
    return render(session)


@pytest.fixture
def folder(rendered: dict[str, bytes], tmp_path: Path) -> Path:
    store(rendered, str(tmp_path / "run"))
    return tmp_path / "run"


def _result_file(result: Result, path: Path) -> Path:
    path.write_text(result.to_json())
    return path


@pytest.fixture
def dearer(session: Session, tmp_path: Path) -> Path:
    return _result_file(scaled(session.result, "lseek+read", DEARER), tmp_path / "dearer.json")


def test_a_report_from_the_result_is_the_runs_own_report(folder: Path) -> None:
    written = {name: (folder / name).read_bytes() for name in ("report.html", "report.md")}
    for path in folder.iterdir():
        if path.name != "result.json":
            path.unlink()

    done = fork_regtap("report", folder, cwd=folder)

    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {"result.json", *written}
    assert {name: (folder / name).read_bytes() for name in written} == written
    assert done.stdout.encode().strip() in written["report.md"]


def test_reports_of_the_same_run_are_replaced(folder: Path) -> None:
    html = (folder / "report.html").read_text()
    (folder / "report.html").write_text(html.replace("In figures", "older words"))

    assert fork_regtap("report", folder / "result.json", cwd=folder).returncode == 0
    assert (folder / "report.html").read_text() == html


def test_another_file_of_that_name_stays(folder: Path) -> None:
    (folder / "report.md").write_text("my own notes\n")
    line = _one_line(fork_regtap("report", folder, cwd=folder), 2)

    assert "report.md is no report of this run and stays" in line
    assert (folder / "report.md").read_text() == "my own notes\n"


def test_reports_go_to_another_folder_when_asked(folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = fork_regtap("report", "run", "-o", "deep/other", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "deep" / "other").iterdir()} == {"report.html", "report.md"}
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_run_beside_itself_changes_nothing(folder: Path) -> None:
    done = fork_regtap("compare", folder, folder / "result.json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 faster, 0 slower" in done.stdout.splitlines()[0]


def test_a_regression_is_exit_code_1_and_its_inverse_is_not(folder: Path, dearer: Path) -> None:
    there = fork_regtap("compare", folder, dearer, cwd=folder)
    back = fork_regtap("compare", dearer, folder, cwd=folder)

    assert (there.returncode, back.returncode) == (1, 0)
    assert "2 slower (lseek+read 1.2" in there.stdout.splitlines()[0]
    assert "2 faster (lseek+read 0.8" in back.stdout.splitlines()[0]


def test_markdown_and_json_have_the_same_exit_code(folder: Path, dearer: Path) -> None:
    markdown = fork_regtap("compare", "--markdown", folder, dearer, cwd=folder)
    as_json = fork_regtap("compare", "--json", folder, dearer, cwd=folder)

    assert (markdown.returncode, as_json.returncode) == (1, 1)
    assert markdown.stdout.startswith("### Access costs: slower\n")
    assert json.loads(as_json.stdout)["regressed"] is True


def test_unlike_machines_are_refused_or_if_allowed_listed(
    session: Session, folder: Path, tmp_path: Path
) -> None:
    facts = {**session.result.environment, "kernel": "6.2", "governor": "powersave"}
    other = _result_file(replace(session.result, environment=facts), tmp_path / "other.json")
    line = _one_line(fork_regtap("compare", folder, other, cwd=folder), 2)
    assert "kernel 6.1 and 6.2; governor none and powersave" in line
    assert "--allow-unlike" in line

    done = fork_regtap("compare", folder, other, "--allow-unlike", cwd=folder)

    assert done.returncode == 0
    assert "UNLIKE: kernel 6.1 and 6.2" in done.stdout


def test_an_invalid_run_is_refused(session: Session, folder: Path, tmp_path: Path) -> None:
    checks = (Check("timer", passed=False, text="it stands still"),)
    broken = _result_file(replace(session.result, checks=checks), tmp_path / "broken.json")

    line = _one_line(fork_regtap("compare", folder, broken, cwd=folder), 2)

    assert "second run is INVALID" in line
    assert "timer: it stands still" in line


@pytest.mark.parametrize(
    ("command", "content", "says"),
    [
        (("report",), None, "does not exist"),
        (("report",), '{"format": "regtap-bench", "format_version": 1}', "has format version 1"),
        (("compare", "run"), "{}", "no result of `regtap bench`"),
    ],
)
def test_what_is_no_result_is_one_line_that_names_it(
    command: tuple[str, ...], content: str | None, says: str, folder: Path, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "given.json").write_text(content)
    line = _one_line(fork_regtap(*command, "given.json", cwd=tmp_path), 2)

    assert "given.json" in line
    assert says in line


def test_a_folder_without_a_result_says_so(tmp_path: Path) -> None:
    assert "(there is no result.json)" in _one_line(fork_regtap("report", ".", cwd=tmp_path), 2)


def test_two_forms_of_output_at_once_are_refused(folder: Path) -> None:
    done = fork_regtap("compare", folder, folder, "--json", "--markdown", cwd=folder)
    assert "choose one" in _one_line(done, 2)


def test_a_folder_that_cannot_be_made_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = _one_line(fork_regtap("report", folder, "-o", "file/inside", cwd=tmp_path), 2)
    assert f"{tmp_path}/file is no folder" in line


# Loads everything as root, by a first run, before it becomes the user: the interpreter need not be theirs to read.
_AS_NOBODY = """
import contextlib, io, os, pwd, sys
from regtap.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    main(sys.argv[1:])
user = pwd.getpwnam("nobody")
os.setgroups([])
os.setresgid(*[user.pw_gid] * 3)
os.setresuid(*[user.pw_uid] * 3)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_permission_to_write_the_old_report_stays(rendered: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        place = Path(name)
        place.chmod(0o755)
        store(rendered, str(place / "run"))
        before = (place / "run" / "report.md").read_bytes()
        command = [sys.executable, "-c", _AS_NOBODY, "report", "run"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
        assert f"no permission to write in {place}/run" in _one_line(done, 2)
        assert (place / "run" / "report.md").read_bytes() == before
