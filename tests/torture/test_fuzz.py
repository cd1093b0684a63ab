"""The spool's parser under a coverage-guided fuzzer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.torture.conftest import Tally, cases

pytest.importorskip("atheris", reason="it has wheels for x86-64 only")

FUZZED = "the spool's parser, fuzzed by coverage: an error, or true rows"


def test_the_spools_parser_survives_a_fuzzer(shared_folder: Path, tally: Tally) -> None:
    runs = cases(short=1_500, long=100_000)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.torture.fuzz_spool", str(shared_folder)),
            *(f"-runs={runs}", "-seed=1", f"-artifact_prefix={shared_folder}/"),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]

    seeds, covered = (
        re.findall(r"INITED cov: (\d+).*", done.stderr),
        re.findall(r"DONE +cov: (\d+)", done.stderr),
    )
    assert int(covered[-1]) >= int(seeds[0]) > 100  # it sees the parser, or it would grope in the dark

    done_runs = int(re.findall(r"Done (\d+) runs", done.stderr)[-1])
    assert done_runs >= runs
    # Two thirds do; a parser that refuses everything would never be found wrong.
    assert (shared_folder / "gave-rows").stat().st_size > 0.3 * done_runs

    tally.add(FUZZED, done_runs)
