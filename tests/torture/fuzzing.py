"""A run of a coverage-guided fuzzer, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fuzzed:
    """A fuzzer that found nothing.

    Attributes:
        runs: Inputs that it tried.
        seed_coverage: Edges that the seeds alone cover.
        coverage: Edges that were covered at the end.
    """

    runs: int
    seed_coverage: int
    coverage: int


def fuzz(module: str, *arguments: str, folder: Path, runs: int) -> Fuzzed:
    """Run one of the fuzz_*.py of this folder until it has tried so many inputs, all of which must pass.

    Args:
        module: Its name.
        arguments: Its own arguments, before the folder.
        folder: Where its seeds, its counts and what it finds go.
        runs: Inputs to try.
    """
    options = [f"-runs={runs}", "-seed=1", f"-artifact_prefix={folder}/"]
    done = subprocess.run(
        [sys.executable, "-m", f"tests.torture.{module}", *arguments, str(folder), *options],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Fuzzed(
        runs=int(re.findall(r"Done (\d+) runs", done.stderr)[-1]),
        seed_coverage=int(re.findall(r"INITED cov: (\d+).*", done.stderr)[0]),
        coverage=int(re.findall(r"DONE +cov: (\d+)", done.stderr)[-1]),
    )
