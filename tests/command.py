"""`regtap` as a process, as a user runs it."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.fork_server import ANSWER
from tests.waiting import wait_until

REGTAP = (sys.executable, "-m", "regtap")
_REPOSITORY = Path(__file__).parents[1]


def run_regtap(
    *arguments: str | os.PathLike[str],
    cwd: Path | None = None,
    timeout: float = 300,
    is_safe: bool = False,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, whatever its exit code, and return it with what it printed.

    Args:
        arguments: The subcommand and what follows it.
        cwd: Where it runs.
        timeout: After so many seconds it is killed, and the test fails.
        is_safe: As the installed script is: without the current folder among the places of modules.
        options: Others of `subprocess.run`.
    """
    return subprocess.run(
        [REGTAP[0], *(["-P"] if is_safe else []), *REGTAP[1:], *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=timeout,
        **options,
    )


class Forked(subprocess.CompletedProcess[str]):
    """A command that ran in a fork, and ended.

    Attributes:
        pid: Its process.
    """

    def __init__(self, arguments: list[str], pid: int, status: int, stdout: str, stderr: str) -> None:
        super().__init__(arguments, status, stdout, stderr)
        self.pid = pid


def fork_regtap(
    *arguments: str | os.PathLike[str],
    cwd: Path | None = None,
    timeout: float = 300,
    env: Mapping[str, str] | None = None,
) -> Forked:
    """Run the command as run_regtap does, in a fork of a process that has loaded it; see fork_server.

    Args:
        arguments: The subcommand and what follows it.
        cwd: Where it runs.
        timeout: After so many seconds it is killed, and the test fails.
        env: Its environment variables; those of this process by default.
    """
    texts = [os.fsdecode(argument) for argument in arguments]
    with tempfile.TemporaryDirectory(prefix="regtap-fork-") as folder:
        outputs = [Path(folder, name) for name in ("stdout", "stderr")]
        for path in outputs:
            path.touch()
        request = {
            "arguments": texts,
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            **{path.name: str(path) for path in outputs},
        }
        pid, status = _run_forked(request, timeout)
        return Forked(texts, pid, status, *(path.read_text() for path in outputs))


def _run_forked(request: dict[str, Any], timeout: float) -> tuple[int, int]:
    """Return the PID and the exit code of a command."""
    channel = _fork_server()
    channel.settimeout(None)
    channel.sendall(json.dumps(request).encode() + b"\n")
    pid = _answer(channel)
    channel.settimeout(timeout)
    try:
        status = _answer(channel)
    except TimeoutError as error:
        os.kill(pid, signal.SIGKILL)
        channel.settimeout(None)
        _answer(channel)
        raise subprocess.TimeoutExpired(request["arguments"], timeout) from error
    return pid, os.waitstatus_to_exitcode(status)


def _answer(channel: socket.socket) -> int:
    (number,) = ANSWER.unpack(channel.recv(ANSWER.size, socket.MSG_WAITALL))
    return int(number)


@cache
def _fork_server() -> socket.socket:
    """Return the channel to a server that runs until this process ends."""
    ours, theirs = socket.socketpair()
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


class Started(subprocess.Popen[str]):
    """A command that goes on while the test does, at most as long as the test."""

    def __exit__(self, *exception: Any) -> None:
        if exception[0] is not None:
            self.kill()  # else the test's failure would wait for it, and not be seen
        super().__exit__(*exception)


STARTED: list[Started] = []  # of the test that runs; see tests/conftest.py


def start_regtap(
    *arguments: str | os.PathLike[str], cwd: Path | None = None, env: dict[str, str] | None = None
) -> Started:
    """Start the command, and leave it running; what it prints is piped. It is killed with the end of the test."""
    pipe = subprocess.PIPE
    STARTED.append(Started([*REGTAP, *arguments], cwd=cwd, env=env, stdout=pipe, stderr=pipe, text=True))
    return STARTED[-1]


@contextmanager
def recording(trace: Path, *arguments: str, begun: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """Let `regtap record` run, and end it if nobody else has; what is left of its spool goes too.

    Args:
        trace: The folder that it makes.
        arguments: Its other arguments.
        begun: Whether it has come so far that the block may begin.
    """
    process = subprocess.Popen(
        [*REGTAP, "record", *arguments, "-o", trace.name],
        cwd=trace.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not begun():
            assert process.poll() is None
            time.sleep(0.01)
        yield process
    finally:
        kill(process)
        pointer = trace / "_spool"
        if pointer.exists():
            Path(json.loads(pointer.read_text())["spool"]).unlink(missing_ok=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and wait until it is gone."""
    process.kill()
    process.wait(30)


def wait_for_spool(trace: Path) -> Path:
    """Wait until a capture's pointer is written whole, and return the spool that it names."""
    pointer = trace / "_spool"
    wait_until(lambda: pointer.exists() and pointer.read_text().endswith("\n"), str(pointer))
    return Path(json.loads(pointer.read_text())["spool"])


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    wait_until(path.exists, str(path))
