"""The fault guard beside others who handle SIGBUS and SIGSEGV. Each case is a process: some of them end by a signal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PREAMBLE = """
import ctypes, faulthandler, mmap, os, signal, sys, time
import regtap

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes(8192))

def capture(name, **options):
    options = {"target": f"file:{path}", "rate": "10k", "spool_size": "4MiB", **options}
    return regtap.record(["a=0", "b=4096"], f"{path}-{name}", **options)

def wait_for(condition):
    for _ in range(5000):
        if condition():
            return
        time.sleep(0.002)
    raise SystemExit("timed out")

def fault_elsewhere():
    # a page of our own that has lost its file: SIGBUS, and none of regtap's business
    fd = os.memfd_create("gone")
    os.ftruncate(fd, 4096)
    page = mmap.mmap(fd, 4096)
    os.ftruncate(fd, 0)
    return page[0]

def handler():
    # the first field of struct sigaction is the function
    action = ctypes.create_string_buffer(256)
    ctypes.CDLL(None).sigaction(signal.SIGBUS, None, action)
    return action.raw[:8]

def run_until_truncated(name, meanwhile=lambda: None):
    recording = capture(name)
    recording.start()
    wait_for(lambda: recording.status().taken > 20)
    guard = handler()
    meanwhile()
    wait_for(lambda: handler() == guard)  # the guardian looks every 10 ms
    os.truncate(path, 0)
    wait_for(lambda: recording.wait(0.01))
    recording.close()
    fault = recording.summary.fault
    assert isinstance(fault, regtap.BusFaultError), fault
    os.truncate(path, 8192)

"""


def run(tmp_path: Path, body: str) -> subprocess.CompletedProcess[str]:
    program = PREAMBLE + textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "device")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for pointer in tmp_path.glob("*/_spool"):  # who dies by a signal leaves its spool behind, as promised
        Path(json.loads(pointer.read_text())["spool"]).unlink()
    return done


def assert_lives(tmp_path: Path, body: str) -> None:
    done = run(tmp_path, textwrap.dedent(body) + "\nprint('alive')")
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr


@pytest.mark.parametrize(
    "body",
    [
        "run_until_truncated('plain')",
        "faulthandler.enable(); run_until_truncated('before')",
        "run_until_truncated('during', faulthandler.enable)",
        "faulthandler.enable(); run_until_truncated('off', faulthandler.disable)",
        "run_until_truncated('on-off', lambda: (faulthandler.enable(), faulthandler.disable()))",
        "run_until_truncated('one'); faulthandler.enable(); faulthandler.disable(); run_until_truncated('two')",
        "run_until_truncated('one', faulthandler.enable); faulthandler.disable(); run_until_truncated('two')",
    ],
)
def test_a_bus_error_is_caught_whatever_faulthandler_does(tmp_path: Path, body: str) -> None:
    assert_lives(tmp_path, body)


def test_a_fault_elsewhere_still_kills(tmp_path: Path) -> None:
    body = """
    recording = capture("run")
    recording.start()
    wait_for(lambda: recording.status().taken > 20)
    fault_elsewhere()
    """
    assert run(tmp_path, body).returncode == -signal.SIGBUS


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_fault_elsewhere_still_reaches_faulthandler(tmp_path: Path, when: str) -> None:
    body = f"""
    if {when!r} == "before":
        faulthandler.enable()
    recording = capture("run")
    recording.start()
    wait_for(lambda: recording.status().taken > 20)
    guard = handler()
    if {when!r} == "during":
        faulthandler.enable()
        wait_for(lambda: handler() == guard)
    fault_elsewhere()
    """
    done = run(tmp_path, body)

    assert done.returncode == -signal.SIGBUS
    assert done.stderr.count("Fatal Python error: Bus error") == 1


@pytest.mark.parametrize("order", ["before", "during"])
def test_a_fault_elsewhere_kills_once_faulthandler_has_gone(tmp_path: Path, order: str) -> None:
    body = f"""
    if {order!r} == "before":
        faulthandler.enable()
    run_until_truncated("run", faulthandler.enable)
    faulthandler.disable()
    fault_elsewhere()
    """
    assert run(tmp_path, body).returncode == -signal.SIGBUS


def test_a_python_handler_is_put_back(tmp_path: Path) -> None:
    assert_lives(
        tmp_path,
        """
        seen = []
        signal.signal(signal.SIGBUS, lambda number, frame: seen.append(number))
        run_until_truncated("run")
        os.kill(os.getpid(), signal.SIGBUS)
        assert seen == [signal.SIGBUS]
        """,
    )


def test_a_sent_signal_reaches_its_handler_during_a_capture(tmp_path: Path) -> None:
    assert_lives(
        tmp_path,
        """
        seen = []
        signal.signal(signal.SIGBUS, lambda number, frame: seen.append(number))
        recording = capture("run")
        recording.start()
        wait_for(lambda: recording.status().taken > 20)
        os.kill(os.getpid(), signal.SIGBUS)
        wait_for(lambda: seen)
        recording.close()
        assert recording.summary.fault is None
        """,
    )


def test_nothing_stays_installed_after_the_last_window(tmp_path: Path) -> None:
    body = """
    run_until_truncated("run")
    os.kill(os.getpid(), signal.SIGBUS)
    """
    assert run(tmp_path, body).returncode == -signal.SIGBUS


def test_a_read_is_guarded_after_faulthandler_took_the_signal(tmp_path: Path) -> None:
    assert_lives(
        tmp_path,
        """
        target = regtap.parse_target(f"file:{path}")
        registers = target.resolve(["a=0", "b=4096"])
        with target.open(registers) as device:
            device.read(registers[1])
            guard = handler()
            faulthandler.enable()
            faulthandler.disable()
            wait_for(lambda: handler() == guard)
            os.truncate(path, 4096)
            try:
                device.read(registers[1])
            except regtap.BusFaultError as error:
                assert (error.register, error.address) == ("b", 4096)
            else:
                raise SystemExit("no fault")
            assert device.read(registers[0]) == 0
        """,
    )


def test_a_write_is_guarded_too(tmp_path: Path) -> None:
    assert_lives(
        tmp_path,
        """
        target = regtap.parse_target(f"file:{path}")
        register, = target.resolve(["b=4096"])
        with target.open([register], writable=True) as device:
            os.truncate(path, 0)
            try:
                device.write(register, 1)
            except regtap.BusFaultError as error:
                assert error.address == 4096
            else:
                raise SystemExit("no fault")
        """,
    )
