"""Readers of maps under a coverage-guided fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.torture.conftest import Tally, cases
from tests.torture.fuzzing import fuzz

pytest.importorskip("atheris", reason="it has wheels for x86-64 only")

FUZZED = "a reader of maps, fuzzed by coverage: a map, or an error of one line, in 2 s"


_COMPILED = 20  # times as long as the others takes systemrdl-compiler for a file


@pytest.mark.parametrize("reader", ["svd", "ipxact", "litex", "toml", "systemrdl"])
def test_a_reader_of_maps_survives_a_fuzzer(shared_folder: Path, tally: Tally, reader: str) -> None:
    runs = cases(short=2_000, long=200_000) // (_COMPILED if reader == "systemrdl" else 1)

    done = fuzz("fuzz_maps", reader, folder=shared_folder, runs=runs)

    assert done.coverage >= done.seed_coverage > 50  # it sees the reader, or it would grope in the dark
    assert (shared_folder / "gave-maps").stat().st_size > 0.001 * runs
    tally.add(FUZZED, done.runs)
