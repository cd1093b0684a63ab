"""The native core under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.torture.conftest import Tally, cases

ROOT = Path(__file__).parents[2]
RING = "the ring between two threads, under -fsanitize={}: no race, no stray access, exact balance"
STRETCHES = "stretches around a trigger's hits, under -fsanitize={}: no race, no hit ignored, exact balance"
PARSER = "a damaged spool attached natively, under -fsanitize={}: refused, or inside its memory"
ENCODER = "what the part encoder makes, fuzzed by coverage under -fsanitize={}: decodes to the same rows"
SANITIZERS = ("thread", "address,undefined")


@pytest.fixture(scope="module", params=SANITIZERS)
def checks(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """The sanitizer, and the folder of the programs built with it."""
    sanitizer: str = request.param
    folder = ROOT / "build" / f"checks-{sanitizer.replace(',', '-')}"
    cmake = [sys.executable, "-m", "cmake"]
    source = [f"-DREGTAP_SANITIZE={sanitizer}", "-S", str(ROOT / "logger/native")]
    subprocess.run([*cmake, *source, "-B", str(folder)], check=True, capture_output=True)
    subprocess.run([*cmake, "--build", str(folder)], check=True, capture_output=True)
    return sanitizer, folder


def run(program: Path, argument: str) -> str:
    # Whoever finds nothing says how much it tried; whoever finds something ends with another status.
    done = subprocess.run(
        [str(program), argument],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_the_ring_balances_and_races_nowhere(checks: tuple[str, Path], tally: Tally) -> None:
    sanitizer, folder = checks
    said = run(folder / "ring_check", str(cases(short=4, long=60)))
    policies, rows = int(said.split()[0]), int(said.split()[2])
    assert policies == 54
    assert rows > 10_000

    tally.add(RING.format(sanitizer), policies)


def test_stretches_balance_and_no_hit_is_ignored(checks: tuple[str, Path], tally: Tally) -> None:
    sanitizer, folder = checks
    said = run(folder / "trigger_check", str(cases(short=3, long=60)))
    schedules, stretches, hits = map(int, re.findall(r"\d+", said))
    assert schedules == 24
    assert hits > stretches // 2 > 50

    tally.add(STRETCHES.format(sanitizer), stretches)


def test_a_damaged_spool_is_refused_or_stays_inside_its_memory(
    checks: tuple[str, Path], tally: Tally
) -> None:
    sanitizer, folder = checks
    tried = cases(short=20_000, long=500_000)
    mutated, accepted = map(int, re.findall(r"\d+", run(folder / "attach_fuzz", str(tried))))
    assert mutated == tried
    assert 0.3 * tried < accepted < 0.7 * tried  # half: only what is accepted is read

    tally.add(PARSER.format(sanitizer), tried)


def test_what_is_encoded_decodes_to_the_same(checks: tuple[str, Path], tally: Tally) -> None:
    sanitizer, folder = checks
    if "address" not in sanitizer:
        assert not (folder / "encoder_fuzz").exists()  # one thread: nothing for ThreadSanitizer to see
        return
    tried = cases(short=400, long=20_000)
    inputs, rows, ways, kept = map(int, re.findall(r"\d+", run(folder / "encoder_fuzz", str(tried))))
    assert inputs == tried
    assert rows > 100 * tried
    assert ways > 10_000  # it sees the encoder, or it would grope in the dark
    assert kept > 50

    tally.add(ENCODER.format(sanitizer), inputs)
