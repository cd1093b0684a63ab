"""Commands that read, over documents that were mutated: run in this process, and judged by what they print."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from tests.mutations import Mutation, mutations
from tests.spools import IDENTITY, SpoolImage, leave_behind, template_of
from tests.synthetic import STATUS, TraceOptions, write_trace

from regtap.cli.main import main
from regtap.spool.document import make_document
from regtap.trace.gaps import Gap
from regtap.trace.metadata import METADATA_KEY, Mark

MOST_S = 2.0  # of processor time, beyond what the right document takes
MOST_MIB = 300
ROWS = 30
REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "access" / "result.json"


@dataclass(frozen=True)
class Answer:
    """How a command ended.

    Attributes:
        code: Its exit code; None after an error that it did not expect.
        out: What it printed on stdout.
        err: What it printed on stderr, or the error.
        cpu_s: Processor time that it took.
    """

    code: int | None
    out: bytes
    err: bytes
    cpu_s: float


def answer_of(*arguments: str) -> Answer:
    """Run a command in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    began = time.process_time()
    code: int | None = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(arguments))
        except BaseException as error:  # noqa: BLE001 - nothing may come out
            err.write(f"{type(error).__name__}: {error}".encode("unicode_escape").decode())
    out.flush()
    err.flush()
    cpu_s = time.process_time() - began
    return Answer(code, out.buffer.getvalue(), err.buffer.getvalue(), cpu_s)


def problem_of(answer: Answer, codes: Sequence[int], own_s: float = 0.0) -> str | None:
    """Return what is wrong with an answer, whatever was asked."""
    if answer.code is None:
        return answer.err.decode()
    if answer.code not in codes:
        return f"exit code {answer.code}: {answer.err[:200]!r}"
    printed = answer.out + answer.err
    if control := sorted({byte for byte in printed if byte < 0x20 or byte == 0x7F} - {0x0A}):
        return f"control bytes {control} on the terminal"
    if answer.code == 2 and not (answer.err.count(b"\n") == 1 and answer.err.startswith(b"regtap: error: ")):
        return f"not one line: {answer.err[:200]!r}"
    if len(printed) > 4 << 20:
        return f"{len(printed):,} bytes were printed"
    return f"{answer.cpu_s:.1f} s of processor time" if answer.cpu_s > MOST_S + own_s else None


@dataclass(frozen=True)
class Question:
    """A command, and what its answer has to be.

    Attributes:
        arguments: Of the command.
        codes: Exit codes that are right for some mutation.
        check: Returns what is wrong with the output of a command that ended with 0 or 1.
        is_slow: It is asked of a tenth of the mutations where time is short.
    """

    arguments: tuple[str, ...]
    codes: tuple[int, ...] = (0, 1, 2)
    check: Callable[[bytes], str | None] = lambda out: None
    is_slow: bool = False


@dataclass(frozen=True)
class Subject:
    """A document, and the commands that read it.

    Attributes:
        document: As it is right.
        write: Writes a mutated one into a new folder.
        questions: Asked in this order; `{}` in an argument is the folder.
    """

    document: Callable[[], Any]
    write: Callable[[Path, bytes], None]
    questions: tuple[Question, ...]


def _part_document() -> Any:
    folder = Path(f"/dev/shm/torture-mutations-{os.getpid()}")
    try:
        _write_run(folder)
        document = json.loads(pq.read_metadata(folder / "part-00000.parquet").metadata[METADATA_KEY])
    finally:
        shutil.rmtree(folder)
    return document


def _write_run(folder: Path) -> None:
    index = np.arange(ROWS)
    gaps = (Gap(10, 3, 10_000, 14_000, "full"), Gap(25, 0, 30_000, 31_000, "throttled"))
    options = TraceOptions(gaps=gaps, marks=(Mark(5_000, "here"),))
    write_trace(folder, [STATUS], index * 1000, {"STATUS": index * 37}, options)


def _write_part(folder: Path, raw: bytes) -> None:
    _write_run(folder / "run")
    path = folder / "run" / "part-00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: raw}), path)


def _spool_document() -> Any:
    return json.loads(make_document(template_of("1000000"), "/nowhere", IDENTITY).partition(b" ")[2])


def _write_spool(folder: Path, raw: bytes) -> None:
    import zlib

    image = SpoolImage(document=b"%08x %b" % (zlib.crc32(raw), raw))
    image.full_block(ROWS - 7)
    image.full_block(7)
    leave_behind(image, folder / "run", folder / "spool")


def _pointer_document() -> Any:
    return {
        "spool": "/dev/shm/regtap-1-00000000",
        "boot_id": "x",
        "device": 25,
        "inode": 7,
        "identity": "0" * 32,
    }


def _write_pointer(folder: Path, raw: bytes) -> None:
    _write_spool(folder, json.dumps(_spool_document()).encode())
    (folder / "run" / "_spool").write_bytes(raw)


def _result_document() -> Any:
    """Return a real result, with as few rows and stretches as there can be: what is cut is more of the same."""
    document = json.loads(REFERENCE.read_text())
    wanted = ("mmap load", "pread", "lseek+read", document["baseline"])
    document["rows"] = [row for row in document["rows"] if row["arm"] in wanted]
    costs = [cost for row in document["rows"] for cost in (row["costs"] or {}).values()]
    costs += [point["cost"] for point in document["crossover"] if point["cost"] is not None]
    for cost in costs:
        cost["stretches_ns"] = [cost["stretches_ns"][0][:2]]
    return document


@cache
def _base() -> str:
    return json.dumps(_result_document())


def _write_result(folder: Path, raw: bytes) -> None:
    (folder / "base.json").write_text(_base())
    (folder / "result.json").write_bytes(raw)


def _rows_are(out: bytes) -> str | None:
    rows = json.loads(out)["rows"]
    return None if rows == ROWS else f"{rows} rows"


def _has_markup(out: bytes) -> str | None:
    return "a tag in Markdown" if b"<script" in out or b"](javascript" in out else None


_BASE = "{}/base.json"
SUBJECTS = {
    "part": Subject(
        _part_document,
        _write_part,
        (
            Question(("info", "{}/run")),
            Question(("info", "--json", "{}/run"), check=_rows_are),
            Question(("plot", "{}/run", "-o", "{}/run.png", "--force"), is_slow=True),
            Question(("plot", "{}/run", "-o", "{}/run.svg", "--force"), is_slow=True),
            Question(("recover", "{}/run")),
        ),
    ),
    "spool": Subject(
        _spool_document,
        _write_spool,
        (
            Question(("recover", "{}/spool")),
            Question(("recover", "{}/spool", "-o", "{}/new")),
            Question(("recover", "{}/run")),
        ),
    ),
    "pointer": Subject(
        _pointer_document,
        _write_pointer,
        (Question(("recover", "{}/run"), (0, 2, 4)), Question(("info", "{}/run"))),
    ),
    "result": Subject(
        _result_document,
        _write_result,
        (
            Question(("compare", "{}", _BASE, "--allow-unlike")),
            Question(("compare", _BASE, "{}", "--allow-unlike", "--markdown"), check=_has_markup),
            Question(("compare", "{}", _BASE, "--json", "--allow-unlike")),
            Question(("report", "{}", "-o", "{}/out"), is_slow=True),
        ),
    ),
}


def cases_of(subject: str, most: int) -> list[Mutation]:
    """Return mutations of a subject's document, mixed: all of them, or so many."""
    found = list(mutations(SUBJECTS[subject].document()))
    random.Random(3).shuffle(found)
    return found[:most]


def trouble(
    subject: str, name: str, raw: bytes, folder: Path, own_s: Mapping[tuple[str, ...], float], *, slowly: bool
) -> Iterator[tuple[str | None, Answer]]:
    """Ask everything about one mutation; yield what is wrong with each answer, or None, and the answer.

    Args:
        subject: One of SUBJECTS.
        name: Of the mutation.
        raw: The mutated document.
        folder: For its files; made anew.
        own_s: See own_times().
        slowly: Ask the slow questions, too.
    """
    asked = SUBJECTS[subject]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    asked.write(folder, raw)
    for question in asked.questions:
        if question.is_slow and not slowly:
            continue
        arguments = [it.format(folder) for it in question.arguments]
        answer = answer_of(*arguments)
        problem = problem_of(answer, question.codes, own_s.get(question.arguments, 0.0))
        if problem is None and answer.code in (0, 1):
            problem = question.check(answer.out)
        yield None if problem is None else f"{' '.join(question.arguments)}: {name!r}: {problem}", answer


def own_times(subject: str, folder: Path) -> dict[tuple[str, ...], float]:
    """Return the processor time that each question takes of the right document, by its arguments."""
    raw = json.dumps(SUBJECTS[subject].document()).encode()
    answers = [answer for _, answer in trouble(subject, "right", raw, folder, {}, slowly=True)]
    return {
        question.arguments: answer.cpu_s
        for question, answer in zip(SUBJECTS[subject].questions, answers, strict=True)
    }


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
