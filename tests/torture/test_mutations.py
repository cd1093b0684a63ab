"""Every command that reads, over documents with a single value changed: an error, or a right answer, within bounds."""

from __future__ import annotations

import json
import os
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from tests.command import run_regtap
from tests.mutations import Mutation
from tests.torture.conftest import Tally, cases
from tests.torture.reading import (
    MOST_MIB,
    SUBJECTS,
    Answer,
    cases_of,
    own_times,
    peak_mib,
    problem_of,
    trouble,
)

PROMISE = "a document with one value changed: exit 2 or a right answer, no traceback, no control byte, <= 2 s, 300 MiB"
MUTATIONS = {"part": (120, 3_000), "spool": (100, 1_500), "pointer": (60, 250), "result": (80, 1_500)}
SLOWLY = 12  # one mutation in so many is drawn, too, in the short form; in the long one, every second


@pytest.mark.parametrize("subject", MUTATIONS)
def test_a_mutated_document_harms_no_reader(
    subject: str, processes: ForkServerContext, shared_folder: Path, tally: Tally
) -> None:
    count = cases(*MUTATIONS[subject])
    with processes.Pool(min(2, os.cpu_count() or 1)) as pool:
        halves = pool.starmap(
            ask, [(subject, count, half, str(shared_folder)) for half in (0, 1)], chunksize=1
        )
    problems = [problem for found, _, _ in halves for problem in found]
    for problem in problems:
        tally.case(PROMISE, problem)
    assert (
        sum(right for _, right, _ in halves) > 0
    )  # readers that refuse everything would never be found wrong
    assert max(peak for _, _, peak in halves) <= MOST_MIB

    tally.assert_kept(PROMISE)


def ask(subject: str, count: int, half: int, folder: str) -> tuple[list[str | None], int, float]:
    """Ask half of the questions; return what is wrong with each answer, how many were right, and the peak memory."""
    document = SUBJECTS[subject].document()
    every = cases(SLOWLY, 2)
    place = Path(folder) / f"half{half}"
    own_s = own_times(subject, place)
    problems: list[str | None] = []
    right = 0
    for k, mutation in enumerate(cases_of(subject, count)[half::2]):
        name, raw = str(mutation), mutation.of(document)
        for problem, answer in trouble(subject, name, raw, place, own_s, slowly=k % every == 0):
            problems.append(problem)
            right += answer.code != 2
    return problems, right, peak_mib()


PROCESSES = {
    "an escape sequence": Mutation(("target",), "replaced", "\x1b]0;title\x07"),
    "a list for a number": Mutation(("totals", "due"), "replaced", [1]),
    "half a character": Mutation(("host", "kernel"), "replaced", "\ud800"),
    "open brackets": Mutation(("host",), "raw", "[" * 200_000),
    "a long mark": Mutation(("marks", 0, 1), "replaced", "n" * 60_000),
}


@pytest.mark.parametrize("case", PROCESSES)
def test_a_process_answers_as_the_function_does(case: str, tmp_path: Path) -> None:
    subject = SUBJECTS["part"]
    subject.write(tmp_path, PROCESSES[case].of(subject.document()))

    for command in (["info", "run"], ["info", "--json", "run"], ["plot", "run"]):
        done = run_regtap(*command, cwd=tmp_path, errors="strict")
        answer = Answer(done.returncode, done.stdout.encode(), done.stderr.encode(), 0.0)
        assert problem_of(answer, (0, 1, 2)) is None


BAD_ANSWERS = {
    "an exception": Answer(None, b"", b"ValueError", 0.0),
    "an exit code": Answer(3, b"", b"", 0.0),
    "an escape": Answer(0, b"\x1b[31m", b"", 0.0),
    "a delete": Answer(0, b"", b"\x7f", 0.0),
    "no line": Answer(2, b"", b"", 0.0),
    "two lines": Answer(2, b"", b"regtap: error: a\nb\n", 0.0),
    "slow": Answer(0, b"", b"", 2.5),
    "endless": Answer(0, b"x" * (5 << 20), b"", 0.0),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_the_judge_itself_sees_a_bad_answer(case: str) -> None:
    assert problem_of(BAD_ANSWERS[case], (0, 1, 2)) is not None


def test_the_judge_takes_good_answers() -> None:
    assert problem_of(Answer(0, json.dumps({"a": "\x1b"}).encode(), b"", 0.1), (0,)) is None
    assert problem_of(Answer(2, b"", b"regtap: error: no trace\n", 0.1), (0, 2)) is None
