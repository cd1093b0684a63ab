"""For all tests: what they start finds signals as at a terminal, and no pytest around it."""

from __future__ import annotations

import os
import signal
from typing import Any

from hypothesis import settings

DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


# How long an example takes says more about the machine than about the code.
settings.register_profile("regtap", deadline=None)
settings.load_profile("regtap")


def pytest_configure() -> None:
    # A job in the background is started deaf to Ctrl-C, one under nohup to the hangup, and so would be the processes
    # that tests start and interrupt.
    for number, default in DEFAULTS.items():
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, default)
    # A pytest that a test starts is no worker of this one: pytest-benchmark would measure nothing.
    os.environ.pop("PYTEST_XDIST_WORKER", None)
