"""`regtap sim PATH` as a process, and `-t sim:PATH` attached to it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.command import REGTAP, fork_regtap, run_regtap, start_regtap

from regtap.errors import InputError, RefusedError
from regtap.simulator.registers import REGISTERS
from regtap.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT32, SCRATCH = REGISTERS["COUNT32"], REGISTERS["SCRATCH"]
_PATIENCE_S = 20.0


@contextmanager
def _playing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `regtap sim PATH`; killed at the end if it still runs."""
    process = start_regtap("sim", path)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_help_describes_every_register_and_field() -> None:
    said = run_regtap("sim", "--help").stdout
    lines = [" ".join(line.split()) for line in said.splitlines()]
    for register in REGISTERS.values():
        start = f"{register.name} {register.address:#04x} {register.type} "
        assert [line for line in lines if line.startswith(start)], register.name
        for field in register.fields:
            assert [line for line in lines if line.startswith(f"{field.label} ")], field.name
        for text in (register.description, *(field.description for field in register.fields)):
            assert text in " ".join(lines)


def _count_up(path: Path) -> None:
    """Attach, and see the counter move."""
    with parse_target(f"sim:{path}").open([COUNT32]) as device:
        until = device.read(COUNT32) + 20
        deadline = time.monotonic() + _PATIENCE_S
        while device.read(COUNT32) < until:
            assert time.monotonic() < deadline, "the counter stands still"
            time.sleep(0.001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "device"


@pytest.fixture
def shared(path: Path) -> Iterator[Path]:
    with _playing(path) as process:
        assert _line(process)
        yield path


def test_it_says_where_it_is_and_how_to_use_it(path: Path) -> None:
    with _playing(path) as process:
        line = _line(process)
        assert f"-t sim:{path}" in line
        process.terminate()
        assert process.communicate() == ("", "")


def test_the_line_that_it_prints_works_as_typed(tmp_path: Path) -> None:
    with _playing(tmp_path / "a device") as process:
        command = _line(process).split(": ", 1)[1].split(" (")[0].replace("regtap", " ".join(REGTAP), 1)
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("COUNT32")


def test_its_file_is_one_page_for_the_user_alone(shared: Path) -> None:
    status = shared.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_size == 4096


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_ordinary_end(path: Path, number: signal.Signals) -> None:
    with _playing(path) as process:
        _line(process)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output, errors) == (0, "", "")
    assert not path.exists()


def test_an_existing_file_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("precious")
    done = fork_regtap("sim", path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "exists" in done.stderr
    assert done.stderr.count("\n") == 1
    assert path.read_text() == "precious"


def test_a_second_device_on_a_path_is_refused_beside_the_first(shared: Path) -> None:
    assert fork_regtap("sim", shared).returncode == 2
    _count_up(shared)


def test_a_path_without_a_folder_is_refused(tmp_path: Path) -> None:
    done = fork_regtap("sim", tmp_path / "missing" / "device")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_it_removes_only_its_own_file(path: Path) -> None:
    with _playing(path) as process:
        _line(process)
        path.unlink()
        path.write_text("somebody else's")
        process.terminate()
        process.communicate()
        assert process.returncode == 0
    assert path.read_text() == "somebody else's"


def test_a_reader_that_goes_away_leaves_no_file(path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*REGTAP, "sim", str(path)], stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writing)

    assert done.returncode != 0
    assert not path.exists()


def test_it_outlives_those_who_attach(shared: Path) -> None:
    _count_up(shared)
    _count_up(shared)


def test_all_who_attach_see_the_same_registers(shared: Path) -> None:
    target = parse_target(f"sim:{shared}")
    with target.open([SCRATCH], writable=True) as one, target.open([SCRATCH]) as other:
        one.write(SCRATCH, 0xCAFE)
        assert other.read(SCRATCH) == 0xCAFE
        assert other.pread(SCRATCH) == 0xCAFE


def test_attaching_to_nothing_is_refused(path: Path) -> None:
    with pytest.raises(RefusedError, match="there is no"):
        parse_target(f"sim:{path}").open([COUNT32])


@pytest.mark.parametrize("content", [b"", b"REGT", bytes(4096), bytes(8192)])
def test_attaching_to_another_file_is_an_input_error(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match="no simulated device"):
        parse_target(f"sim:{path}").open([COUNT32])
    assert path.read_bytes() == content


def test_attaching_to_a_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no simulated device"):
        parse_target(f"sim:{tmp_path}").open([COUNT32])


def test_attaching_to_a_device_that_was_killed_says_so(path: Path) -> None:
    with _playing(path) as process:
        _line(process)
        _count_up(path)
        process.kill()
        process.wait()
        with pytest.raises(InputError, match="has ended"):
            parse_target(f"sim:{path}").open([COUNT32])


def test_a_failed_attachment_leaves_no_descriptor(path: Path) -> None:
    path.write_bytes(bytes(4096))
    descriptors = len(os.listdir("/proc/self/fd"))

    with pytest.raises(InputError):
        parse_target(f"sim:{path}").open([COUNT32])

    assert len(os.listdir("/proc/self/fd")) == descriptors
