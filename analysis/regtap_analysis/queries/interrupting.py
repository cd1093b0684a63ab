"""Calls that wait in C, and end at once on Ctrl-C."""

from __future__ import annotations

import concurrent.futures  # duckdb loads it, too
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_AGAIN_S = 0.05  # an interruption that comes before the call has begun is none


def run_interruptibly(work: Callable[[], _T], interrupt: Callable[[], object]) -> _T:
    """Run a call in another thread, so that Ctrl-C is handled in the meantime, and return its result.

    Args:
        work: The call; it has ended, or never begins, when KeyboardInterrupt is raised.
        interrupt: Makes it return soon.
    """
    # not Thread.join: where Ctrl-C ends that one, Python 3.11 takes the thread for ended while it runs
    result: concurrent.futures.Future[_T] = concurrent.futures.Future()

    def attempt() -> None:
        if result.set_running_or_notify_cancel():
            try:
                result.set_result(work())
            except BaseException as error:  # noqa: BLE001 (it is raised in the thread that waits)
                result.set_exception(error)

    try:
        threading.Thread(target=attempt).start()
        return result.result()
    except KeyboardInterrupt:
        while not (result.cancel() or result.done()):
            with contextlib.suppress(KeyboardInterrupt):
                interrupt()
                concurrent.futures.wait([result], _AGAIN_S)
        raise
