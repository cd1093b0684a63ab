"""Calls that wait in C, and end at once on Ctrl-C."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_AGAIN_S = 0.05  # an interruption that comes before the call has begun is none


def run_interruptibly(work: Callable[[], _T], interrupt: Callable[[], object]) -> _T:
    """Run a call in another thread, so that Ctrl-C is handled in the meantime, and return its result.

    Args:
        work: The call.
        interrupt: Makes it return soon.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def attempt() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 (it is raised in the thread that waits)
            errors.append(error)

    thread = threading.Thread(target=attempt)
    try:
        thread.start()
        thread.join()
    except KeyboardInterrupt:
        while thread.is_alive():
            interrupt()
            thread.join(_AGAIN_S)
        raise
    if errors:
        raise errors[0]
    return results[0]
