"""Each file operation of a capture and of a recovery fails, once or for ever: nothing that was finished is lost."""

from __future__ import annotations

import errno
import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.torture.aftermath import hashes
from tests.torture.conftest import IS_LONG, Tally
from tests.torture.fault_oracle import VALUE, judge_record, judge_recover
from tests.torture.faulty import Fault, FaultyRegtap, RunResult, compile_library, faulty_regtap
from tests.torture.test_recover_kill import scene

from regtap.spool.location import new_spool_path

RECORD = "record: any one file operation fails, once or for ever: it ends as documented, and says the truth"
DURABLE = "record --durable: any one file operation fails, once or for ever: it ends as documented, and says the truth"
RECOVER = "recover: any one file operation fails, once or for ever: the next run completes the trace"
MEMORY = "record: memory does not grow while the writer fails"
MEMORY_KIB = 16 << 10  # above a capture without a fault
SAMPLES = 30_000
ERRORS = {
    "open": (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE),
    "fallocate": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    "write": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "fsync": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "rename": (errno.EIO, errno.ENOSPC, errno.EROFS),
    "mmap": (errno.ENOMEM, errno.EACCES),
    "mkdir": (errno.ENOSPC, errno.EDQUOT, errno.EACCES),
    "unlink": (errno.EIO, errno.EROFS),
    "close": (errno.EIO, errno.EDQUOT),
}


@pytest.fixture
def faulty(shared_folder: Path) -> Iterator[FaultyRegtap]:
    root = shared_folder / "root"
    root.mkdir()
    (shared_folder / "device").write_bytes(VALUE.to_bytes(4, "little") * 16)
    library = compile_library("failing_calls.c", shared_folder)
    with faulty_regtap(library, root) as command:
        yield command


def record(faulty: FaultyRegtap, trace: Path, more: Sequence[str], fault: Fault | None = None) -> RunResult:
    device = f"file:{faulty.root.parent / 'device'}"
    size = ["--samples", str(SAMPLES), "--spool-size", "512KiB"]
    return faulty.run(["record", "-t", device, "a=0:u32", "-o", str(trace), *size, *more], fault)


def faults(counts: dict[str, int], *, every_error: bool = IS_LONG) -> Iterator[Fault]:
    """Every call that was counted, and a few more, since threads take turns differently each time.

    Each with every error that it may have, or with one of them in turn.
    """
    for call, count in counts.items():
        for at in range(count + 1):
            if not IS_LONG and 0 < at < count - 1 and at % 11:
                continue
            errors = ERRORS[call] if every_error else (ERRORS[call][at % len(ERRORS[call])],)
            for error in errors:
                yield Fault(call, at, error, onward=False)
                yield Fault(call, at, error, onward=True)
            if call == "write":
                yield Fault(call, at, errors[0], onward=False, torn=True)
                yield Fault(call, at, errors[0], onward=True, torn=True)


def problem_of(judge: Callable[[], None], fault: Fault) -> str | None:
    try:
        judge()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        where = traceback.extract_tb(error.__traceback__)[-1]  # an assertion may have no text
        return f"{fault}: {type(error).__name__}: {error} ({where.name}, line {where.lineno}: {where.line})"
    return None


@pytest.mark.parametrize(
    ("promise", "more"),
    [
        (RECORD, ()),
        # Slow enough for the journal to sync. Paced, samples would be dropped if a busy machine let the ring fill.
        (DURABLE, ("--durable=10ms", "--rate", "400k", "--on-full", "wait")),
    ],
    ids=["record", "durable"],
)
def test_each_file_operation_of_record_fails(
    faulty: FaultyRegtap, tally: Tally, promise: str, more: Sequence[str]
) -> None:
    trace = faulty.root / "run"
    clean = record(faulty, trace, more)
    assert all(clean.counts.values()), clean

    statuses, met = Counter[int](), set[str]()
    every_error = IS_LONG and promise == RECORD  # no error is told apart by its number: one run sees them all
    for fault in faults(clean.counts, every_error=every_error):
        shutil.rmtree(trace, ignore_errors=True)
        result = record(faulty, trace, more, fault)
        problem = problem_of(lambda: judge_record(faulty, result, trace, SAMPLES), fault)  # noqa: B023 - called now
        grown_kib = result.peak_kib - clean.peak_kib
        grown = f"{fault}: {grown_kib} KiB more" if grown_kib > MEMORY_KIB else None
        if result.met(fault) or problem is not None:
            tally.case(promise, problem)
            statuses[result.status] += 1
            met.add(fault.call)
        if (result.met(fault) and result.status != 3) or grown is not None:  # a refused capture has no writer
            tally.case(MEMORY, grown)
        for spool in result.spools():
            spool.unlink()
    assert statuses.keys() >= {0, 3, 4}, statuses  # whoever refuses everything has nothing to be judged by
    assert met == {call for call, count in clean.counts.items() if count}

    tally.assert_kept(promise)

    tally.assert_kept(MEMORY)


def test_each_file_operation_of_recover_fails(faulty: FaultyRegtap, tally: Tally) -> None:
    trace = faulty.root / "run"
    spool = Path(new_spool_path())  # a recovery removes no file of another name

    def recover(fault: Fault | None) -> RunResult:
        return faulty.run(["recover", str(trace)], fault, small_parts=True)

    scene(trace, spool)
    counts = recover(None).counts
    assert {call for call, count in counts.items() if count} >= {"open", "write", "fsync", "rename", "unlink"}
    statuses, met = Counter[int](), set[str]()
    for fault in faults(counts):
        shutil.rmtree(trace, ignore_errors=True)
        scene(trace, spool)
        result = recover(fault)
        finished = hashes(trace)
        again = recover(None)
        problem = problem_of(lambda: judge_recover(result, trace, spool, again), fault)  # noqa: B023 - called now
        if not finished.items() <= hashes(trace).items():
            problem = f"{fault}: a finished part was touched"
        if result.met(fault) or problem is not None:
            tally.case(RECOVER, problem)
            statuses[result.status] += 1
            met.add(fault.call)
        spool.unlink(missing_ok=True)
    assert statuses.keys() >= {0, 3, 4}, statuses
    assert met == {call for call, count in counts.items() if count}
    tally.assert_kept(RECOVER)
