"""`regtap demo`: everything at once, as somebody who has just installed it sees it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.command import run_regtap

import regtap
from regtap_bench.figures.result import Result


@dataclass(frozen=True)
class Demo:
    done: subprocess.CompletedProcess[str]
    folder: Path


def _demo(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_regtap("demo", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    return Demo(_demo(cwd=folder), folder / "results" / "demo")


def test_it_leaves_traces_pictures_and_a_report(demo: Demo) -> None:
    assert {path.name for path in demo.folder.iterdir()} == {
        "full-speed", "full-speed.png", "paced", "paced.png", "bench", "view.html",
    }  # fmt: skip
    assert {path.name for path in (demo.folder / "bench").iterdir()} >= {
        "report.html",
        "report.md",
        "result.json",
    }
    assert len(regtap.open_trace(demo.folder / "paced").registers) == 5


def test_it_prints_the_verdict_and_where_to_look(demo: Demo) -> None:
    lines = demo.done.stdout.splitlines()

    assert any(line.startswith(("A 32-bit read costs", "INVALID")) for line in lines)
    assert "Look at results/demo/paced.png" in lines
    assert "and, in a browser, at results/demo/bench/report.html" in lines
    assert "with them: regtap view results/demo/paced" in lines


def test_its_benchmark_is_the_one_that_it_names(demo: Demo) -> None:
    result = Result.from_json((demo.folder / "bench" / "result.json").read_text())

    assert "    regtap bench -t sim COUNT32 --quick --duration 2s -o results/demo/bench" in demo.done.stdout
    assert result.command.startswith("regtap bench -t sim COUNT32 --quick --duration 2s --seed ")
    assert (result.target, result.register["name"], result.mode) == ("sim", "COUNT32", "quick")


def test_its_exit_code_says_whether_everything_went_well(demo: Demo) -> None:
    result = Result.from_json((demo.folder / "bench" / "result.json").read_text())
    totals = [regtap.open_trace(demo.folder / name).totals for name in ("full-speed", "paced")]

    clean = result.valid and all(found is not None and found.lost == 0 for found in totals)

    assert demo.done.returncode == (0 if clean else 1)
    assert "Traceback" not in demo.done.stderr


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = _demo("-o", "mine", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.splitlines() == ["regtap: error: mine exists already; name a new folder with -o"]
    assert list((tmp_path / "mine").iterdir()) == []
