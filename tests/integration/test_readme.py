"""The README's examples, as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.command import run_regtap

README = Path(__file__).parents[2] / "README.md"
BLOCKS = [
    block
    for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    if 'target="sim"' in block and "register_benchmark" not in block  # its own tests have that
]


def run_python(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_examples_of_each_kind() -> None:
    text = "\n".join(BLOCKS)
    assert all(name in text for name in ("regtap.sample", "regtap.record", "snapshot()", "register_trace"))


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_python_example_runs(number: int, tmp_path: Path) -> None:
    block = BLOCKS[number]
    if "import" not in block:  # the imports are those of the block before
        block = f"import regtap\n{block}"
    (tmp_path / "test_example.py").write_text(block)
    if "def test_" in block:
        run_python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py")
    else:
        run_python(tmp_path, "test_example.py")


COMMANDS = re.findall(
    r"^    regtap ((?:read|write|record|info|plot|recover) .*)$", README.read_text(), re.MULTILINE
)


def test_the_first_commands_run_in_their_order(tmp_path: Path) -> None:
    """Those for the simulated device, as far as they end by themselves, one after the other in one folder."""
    first = [line.partition("#")[0] for line in COMMANDS if re.search(r"-t sim\b|\brun1\b", line)]
    first = [line for line in first if "overwrite" not in line]
    assert len(first) > 5, first
    for line in first:
        done = run_regtap(*line.split(), cwd=tmp_path)
        assert done.returncode == 0, (line, done.stdout + done.stderr)
