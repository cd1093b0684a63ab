"""However a capture is cut off at its end, its trace is complete, or `regtap recover` completes it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conservation import assert_conserved
from tests.torture.aftermath import recover_and_check, scene_of
from tests.torture.conftest import IS_LONG, Tally, cases
from tests.torture.ends import RATE, Cut

import regtap
from regtap.recovery.complete import recover

SAVED = "the trace is complete, or recover completes it"
RAISED = f"an exception at each step of a capture's end: {SAVED}"
STORM = f"a storm of Ctrl-C at the end of a script's block: {SAVED}"
FIXTURE_STORM = f"a storm of Ctrl-C at the end of a pytest run: {SAVED}"
HEAP = ("terminate called", "leaked", "Fatal Python error", "Segmentation")
SCRIPT = """
import sys, time, regtap
with regtap.record(["zero=0"], sys.argv[1], target="file:" + sys.argv[2], **RATE) as capture:
    capture.wait_for_first_row()
    print("running", flush=True)
    time.sleep(60)
"""
RATES = ('{"rate": "max", "spool_size": "64MiB"}', f'{{"rate": "{RATE}"}}', '{"rate": "1k", "durable": True}')
TEST = """
import time, pytest

@pytest.mark.registers("zero=0", keep="always")
def test_recorded(register_trace):
    register_trace.capture.wait_for_first_row()
    WAIT
"""


@pytest.fixture
def place(shared_folder: Path) -> Path:
    (shared_folder / "device").write_bytes(bytes(4096))
    (shared_folder / "pytest.ini").write_text(
        f"[pytest]\nregtap_target = file:{shared_folder / 'device'}\nregtap_rate = {RATE}\n"
    )
    (shared_folder / "test_recorded.py").write_text(TEST.replace("WAIT", ""))
    return shared_folder


def cuts(kind: str, events: str, folder: Path, step: int) -> Iterator[Cut]:
    """Cut captures off at one event after the other, until the end has no more of them."""
    first = 0
    while True:
        done = subprocess.run(
            [sys.executable, "-m", "tests.torture.ends", kind, events, folder, str(first), str(step), "25"],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        )
        for line in done.stdout.splitlines():
            one = Cut(**json.loads(line))
            yield one
            if not one.hit:
                return
        first += 25 * step


def problem_of(trace: Path, pid: int, taken: int = 0) -> str | None:
    """Return what is wrong with what is left of a capture; it may be recovered by that."""
    spools = [name for name in os.listdir("/dev/shm") if name.startswith(f"regtap-{pid}-")]
    try:
        scene = scene_of(trace)
        if scene is not None:
            recover_and_check(scene)
            spools.remove(scene.spool.name)
        assert not spools, f"a spool is left, and no pointer to it: {spools}"
        if not trace.exists():
            assert not taken, "nothing is left"
            return None
        if (trace / "_spool").exists():  # cut off between the last two steps
            assert recover(trace).rows == 0
        assert not (trace / "_spool").exists()
        found = regtap.open_trace(trace)
        assert_conserved(found)
        assert found.rows >= taken, f"{found.rows} rows of at least {taken}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return f"{type(error).__name__}: {error}"
    finally:
        for name in spools:
            Path("/dev/shm", name).unlink(missing_ok=True)
    return None


@pytest.mark.parametrize(
    ("kind", "events", "step"),
    [
        ("end", "line", cases(2, 1)),
        ("end", "opcode", cases(31, 1)),
        ("start", "line", cases(4, 1)),
        ("start", "opcode", cases(37, 1)),
        ("capture", "line", cases(37, 1)),
        ("fixture", "line", cases(11, 1)),
        *([("capture", "opcode", 7), ("fixture", "opcode", 1)] if IS_LONG else []),
    ],
)
def test_an_exception_at_each_step(kind: str, events: str, step: int, place: Path, tally: Tally) -> None:
    hits = 0
    for one in cuts(kind, events, place, step):
        traces = (
            list((place / str(one.number)).glob("*/*")) if kind == "fixture" else [place / str(one.number)]
        )
        problem = f"exit code {one.status}" if one.status else None
        for trace in traces:
            problem = problem or problem_of(trace, one.pid, one.taken)
        said = (place / f"{one.number}.err").read_text()
        if any(word in said for word in HEAP) or (kind != "capture" and said):
            problem = problem or said
        tally.case(RAISED, problem and f"{kind}, {events} {one.number}: {problem}")
        hits += one.hit
    assert hits > 2

    tally.assert_kept(RAISED)


def storm(process: subprocess.Popen[str], dice: random.Random) -> str:
    """Interrupt a process again and again, until it has ended; return what it said."""
    time.sleep(dice.random() * 0.1)
    for _ in range(dice.choice([1, 2, 2, 3, 8])):
        process.send_signal(signal.SIGINT)
        time.sleep(dice.random() ** 3 * 0.2)
    said = process.communicate(timeout=300)
    return said[0] + said[1]


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def storm_a_script(place: Path, number: int) -> str | None:
    dice = random.Random(number)
    trace = place / f"storm{number}"
    script = SCRIPT.replace("RATE", dice.choice(RATES))
    process = start(["-c", script, str(trace), str(place / "device")], place)
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    said = storm(process, dice)
    if process.returncode != -signal.SIGINT or any(word in said for word in HEAP):
        return f"exit code {process.returncode}: {said}"
    return problem_of(trace, process.pid, 1)


def storm_pytest(place: Path, number: int) -> str | None:
    folder = place / f"pytest{number}"
    test = TEST.replace("WAIT", f"open('begun{number}', 'x'); time.sleep(60)")
    (place / f"test_storm{number}.py").write_text(test)
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--regtap-dir={folder}"]
    process = start([*arguments, f"test_storm{number}.py"], place)
    while not (place / f"begun{number}").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    said = storm(process, random.Random(number))
    if process.returncode < 0 and process.returncode != -signal.SIGINT:
        return f"exit code {process.returncode}: {said}"
    traces = list(folder.glob("*/*"))
    if len(traces) != 1 or any(word in said for word in HEAP):
        return f"{traces}: {said}"
    return problem_of(traces[0], process.pid, 1)


@pytest.mark.parametrize(("promise", "one"), [(STORM, storm_a_script), (FIXTURE_STORM, storm_pytest)])
def test_a_storm_of_interrupts(promise: str, one: object, place: Path, tally: Tally) -> None:
    assert callable(one)
    with ThreadPoolExecutor(2) as pool:
        for number, problem in enumerate(pool.map(lambda k: one(place, k), range(cases(12, 300)))):
            tally.case(promise, problem and f"storm {number}: {problem}")
    tally.assert_kept(promise)
