"""`regtap` as a process, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REGTAP = (sys.executable, "-m", "regtap")


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


def start_regtap(
    *arguments: str | os.PathLike[str], cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the command, and leave it running; what it prints is piped."""
    return subprocess.Popen(
        [*REGTAP, *arguments], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


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


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    for _ in range(6000):
        if path.exists():
            return
        time.sleep(0.005)
    raise AssertionError(f"{path} never came")
