"""Readers of maps under a coverage-guided fuzzer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.torture.conftest import Tally, cases

pytest.importorskip("atheris", reason="it has wheels for x86-64 only")

FUZZED = "a reader of maps, fuzzed by coverage: a map, or an error of one line, in 2 s"


_COMPILED = 20  # times as long as the others takes systemrdl-compiler for a file


@pytest.mark.parametrize("reader", ["svd", "ipxact", "litex", "toml", "systemrdl"])
def test_a_reader_of_maps_survives_a_fuzzer(shared_folder: Path, tally: Tally, reader: str) -> None:
    runs = cases(short=2_000, long=200_000) // (_COMPILED if reader == "systemrdl" else 1)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.torture.fuzz_maps", reader, str(shared_folder)),
            *(f"-runs={runs}", "-seed=1", f"-artifact_prefix={shared_folder}/"),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]

    seeds = re.findall(r"INITED cov: (\d+).*", done.stderr)
    covered = re.findall(r"DONE +cov: (\d+)", done.stderr)
    assert int(covered[-1]) >= int(seeds[0]) > 50  # it sees the reader, or it would grope in the dark
    assert (shared_folder / "gave-maps").stat().st_size > 0.001 * runs

    tally.add(FUZZED, int(re.findall(r"Done (\d+) runs", done.stderr)[-1]))
