"""Standard descriptors that are closed, full or gone, for a command that runs in a fork of this process.

A fork has all modules imported already: hundreds of runs take seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

KINDS: Final = ("open", "closed", "full", "gone")


def exit_code_of(run: Callable[[], int], descriptors: tuple[str, str, str]) -> int:
    """Run a function in a fork and return the exit code of its process, after Python's own last flush.

    Args:
        run: What returns an exit code.
        descriptors: A kind for each of stdin, stdout and stderr: `open` (/dev/null), `closed`, `full` (/dev/full) or
            `gone` (a pipe without a reader).
    """
    pid = os.fork()
    if pid == 0:
        for number, kind in enumerate(descriptors):
            _replace(number, kind)
        raise SystemExit(run())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _replace(number: int, kind: str) -> None:
    stream = ("stdin", "stdout", "stderr")[number]
    if kind == "closed":
        os.close(number)
        setattr(sys, stream, None)
        return
    os.dup2(_opened(kind), number)
    setattr(sys, stream, os.fdopen(number, "w" if number else "r", closefd=False))


def _opened(kind: str) -> int:
    if kind == "gone":
        reader, writer = os.pipe()
        os.close(reader)
        return writer
    return os.open("/dev/full" if kind == "full" else os.devnull, os.O_RDWR)
