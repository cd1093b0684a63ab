"""The READMEs: their examples run as printed, their links lead somewhere, their tables are those of their sources."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.command import run_regtap
from tests.tables import MARK, ROOT, filled, readmes

README = ROOT / "README.md"
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in readmes()}
EXAMPLES = [
    pytest.param(block, id=f"{name}-{number}")
    for name, text in TEXTS.items()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    if 'target="sim"' in block and "register_benchmark" not in block  # its own tests have that
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
MOST_LINES = 160


def run_python(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_examples_of_each_kind() -> None:
    text = "\n".join(str(example.values[0]) for example in EXAMPLES)

    assert all(name in text for name in ("regtap.sample", "regtap.record", "snapshot()", "register_trace"))


@pytest.mark.parametrize("block", EXAMPLES)
def test_a_python_example_runs(block: str, tmp_path: Path) -> None:
    if "import" not in block:  # the imports are those of the block before
        block = f"import regtap\n{block}"
    (tmp_path / "test_example.py").write_text(block)

    if "def test_" in block:
        run_python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py")
    else:
        run_python(tmp_path, "test_example.py")


COMMANDS = re.findall(r"^    regtap (.*)$", TEXTS["README.md"], re.MULTILINE)
NOT_RUN = ("watch", "view")  # which end at a key; their own tests press it


def test_the_first_commands_run_in_their_order(tmp_path: Path) -> None:
    """Those for the simulated device, one after the other in one folder."""
    lines = [
        shlex.split(line, comments=True) for line in COMMANDS if re.search(r"-t sim\b|\brun[14]\b", line)
    ]
    first = [line for line in lines if line[0] not in NOT_RUN]

    assert len(first) > 10, first
    for line in first:
        done = run_regtap(*line, cwd=tmp_path)
        # at full speed a busy machine may lose samples, and says so
        is_lossy = (
            line[0] == "record" and done.returncode == 1 and re.search(r"[1-9] lost|lost [1-9]", done.stdout)
        )
        assert done.returncode == 0 or is_lossy, (line, done.stdout + done.stderr)


def test_the_door_is_short() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", TEXTS)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    links = [link for link in LINK.findall(TEXTS[name]) if not link.startswith(("http://", "https://"))]

    for link in links:
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve() if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target.read_text()), link


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_a_copied_table_is_that_of_its_source(name: str) -> None:
    assert filled(TEXTS[name]) == TEXTS[name], "run `python -m tests.tables`"


def test_the_readmes_have_copied_tables() -> None:
    sources = {mark["source"] for text in TEXTS.values() for mark in MARK.finditer(text)}

    assert len(sources) >= 3
