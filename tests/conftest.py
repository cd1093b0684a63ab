"""For all tests: what they start finds signals as at a terminal, and no pytest around it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from tests.command import STARTED

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


@pytest.fixture(autouse=True)
def nothing_outlives_its_test() -> Iterator[None]:
    """Kill the commands of a test that failed before it ended them: a recorder at full rate slows all that follow."""
    earlier = len(STARTED)  # of fixtures that several tests share
    yield
    for process in STARTED[earlier:]:
        if process.poll() is None:
            process.kill()
            process.communicate()
    del STARTED[earlier:]
