"""The command line of a capture in its trace: its own words, bounded, and shown without control sequences."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.command import fork_regtap

import regtap
from regtap.recording.command_words import bounded_words
from regtap_analysis.reports.api import report


@given(words=st.lists(st.text(max_size=30), max_size=20))
def test_a_short_command_line_is_kept_as_it_is(words: list[str]) -> None:
    kept = bounded_words(words)

    assert kept == tuple(word.encode(errors="backslashreplace").decode() for word in words)


@pytest.mark.parametrize(
    "words", [["x"] * 1_000_000, ["y" * 1_000_000], ["z" * 4095, "zz", "z"], ["", *[""] * 300]]
)
def test_a_long_one_is_bounded_and_says_so(words: list[str]) -> None:
    kept = bounded_words(words)

    assert len(kept) <= 257
    assert sum(map(len, kept)) <= 4_096 + 3
    assert kept[-1].endswith(("...", "…"))


def test_bytes_that_are_no_text_are_escaped() -> None:
    assert bounded_words([os.fsdecode(b"bad\xff")]) == ("bad\\udcff",)


def test_a_recorded_trace_says_how_it_was_made(tmp_path: Path) -> None:
    command = ["record", "-t", "sim", "ADC", "-o", "run \033[31m", "--rate", "1k", "--samples", "5"]
    recorded = fork_regtap(*command, "--", "true", "a b", cwd=tmp_path, env={**os.environ, "TOKEN": "secret"})
    assert recorded.returncode == 0, recorded.stderr
    made = shlex.join(["regtap", *command, "--", "true", "a b"])

    shown = fork_regtap("info", "run \033[31m", cwd=tmp_path)
    as_json = fork_regtap("info", "--json", "run \033[31m", cwd=tmp_path)

    (line,) = (line for line in shown.stdout.splitlines() if line.startswith("  command "))
    assert line.split(maxsplit=1)[1] == made.replace("\033", "\\x1b")
    assert json.loads(as_json.stdout)["command"] == shlex.split(made)
    trace = regtap.open_trace(tmp_path / "run \033[31m")
    made_report = report(trace)
    assert made.replace("\033", "\N{REPLACEMENT CHARACTER}") in made_report.markdown()
    assert "\033" not in made_report.html()
    assert "secret" not in trace.parts[0].metadata.to_json().decode()


def test_a_capture_of_python_has_no_command(tmp_path: Path) -> None:
    with regtap.record(["ID"], tmp_path / "run", target="sim", samples=3) as capture:
        capture.wait(60)

    assert capture.trace().command == ()
    assert b'"command"' not in capture.trace().parts[0].metadata.to_json()
