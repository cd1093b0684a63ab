"""The spool's parser under a coverage-guided fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.torture.conftest import Tally, cases
from tests.torture.fuzzing import fuzz

pytest.importorskip("atheris", reason="it has wheels for x86-64 only")

FUZZED = "the spool's parser, fuzzed by coverage: an error, or true rows"


def test_the_spools_parser_survives_a_fuzzer(shared_folder: Path, tally: Tally) -> None:
    runs = cases(short=1_500, long=100_000)

    done = fuzz("fuzz_spool", folder=shared_folder, runs=runs)

    assert done.coverage >= done.seed_coverage > 100  # it sees the parser, or it would grope in the dark
    assert done.runs >= runs
    # Two thirds do; a parser that refuses everything would never be found wrong.
    assert (shared_folder / "gave-rows").stat().st_size > 0.3 * done.runs
    tally.add(FUZZED, done.runs)
