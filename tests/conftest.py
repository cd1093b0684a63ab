"""For all tests: signals as at a terminal."""

from __future__ import annotations

import signal
from typing import Any

DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


def pytest_configure() -> None:
    # A job in the background is started deaf to Ctrl-C, one under nohup to the hangup, and so would be the processes
    # that tests start and interrupt.
    for number, default in DEFAULTS.items():
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, default)
