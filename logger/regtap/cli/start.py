"""The start of the program `regtap`: it loads little, so that Ctrl-C is an orderly end as early as possible."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_INTERRUPTED = 130  # 128 + SIGINT; cli.output.ExitCode has it too, and takes time to load
_began: list[int] = []  # of the command that runs, on CLOCK_MONOTONIC_RAW


def main() -> int:
    """Run the command line and return its exit code; Ctrl-C before and after it ends the program without a traceback.

    While the command runs, Ctrl-C raises KeyboardInterrupt as ever. One that is ignored (nohup, background jobs) stays
    ignored.
    """
    _began[:] = [_now_raw_ns()]
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if hears:
            signal.signal(signal.SIGINT, _quit)
        from regtap.cli.main import main as run

        if hears:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return run()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command is over, and its exit code stands
    except KeyboardInterrupt:
        return _INTERRUPTED


def began_raw_ns() -> int:
    """Return when this program began, on CLOCK_MONOTONIC_RAW; this moment where something else calls its commands."""
    return _began.pop() if _began else _now_raw_ns()


def _now_raw_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


def _quit(_number: int, _frame: FrameType | None) -> None:
    """End the process: an exception would come out of whatever import is under way, as that one's failure."""
    os._exit(_INTERRUPTED)
