"""The start of the program `regtap`: it loads little, so that Ctrl-C is an orderly end as early as possible.

SIGTERM and SIGHUP end a command in the same way: what it began to write beside its output is removed.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_INTERRUPTED = 130  # 128 + SIGINT; cli.output.ExitCode has it too, and takes time to load
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"  # the file of its frames
_AGAIN_S = 0.01
_TERMINATIONS = (signal.SIGTERM, signal.SIGHUP)
_terminated: list[int] = []  # numbers of the signals among these that came
_began: list[int] = []  # of the command that runs, on CLOCK_MONOTONIC_RAW


def main() -> int:
    """Run the command line and return its exit code; Ctrl-C before and after it ends the program without a traceback.

    While the command runs, Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt; during an import, as soon as that is
    over. A signal that is ignored (nohup, background jobs) stays ignored.
    """
    _began[:] = [_now_raw_ns()]
    _terminated.clear()
    code = _run()
    return 128 + _terminated[0] if _terminated and code == _INTERRUPTED else code


def _run() -> int:
    heard = [number for number in _TERMINATIONS if signal.getsignal(number) == signal.SIG_DFL]
    hears_ctrl_c = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if hears_ctrl_c:
            signal.signal(signal.SIGINT, _quit)
            heard.append(signal.SIGINT)
        from regtap.cli.main import main as run

        for number in (*heard, signal.SIGALRM):
            signal.signal(number, _interrupt)
        try:
            return run()
        finally:
            # the command is over, and its exit code stands
            for number in (*heard, signal.SIGINT, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
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


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but into no import: some modules of C end the process then, others stay half made."""
    if number in _TERMINATIONS:
        for other in _TERMINATIONS:  # `timeout` sends two, and the second would end the cleaning up
            signal.signal(other, signal.SIG_IGN)
        _terminated.append(number)
    if _is_in_an_import(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)  # SIGALRM comes here, too
    else:
        raise KeyboardInterrupt


def _is_in_an_import(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != _IMPORT_SYSTEM:
        frame = frame.f_back
    return frame is not None
