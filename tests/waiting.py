"""Waiting for a state, with an end that only a machine far too busy, or a fault, comes to."""

from __future__ import annotations

import time
from collections.abc import Callable

_PATIENCE_S = 120
_TURN_S = 0.005


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Wait until something holds.

    Args:
        holds: Asked again and again.
        what: Its name, for the failure.
    """
    latest_s = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < latest_s, f"{what} never came"
        time.sleep(_TURN_S)
