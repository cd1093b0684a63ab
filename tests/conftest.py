"""For all tests: signals as at a terminal."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    # A job in the background is started deaf to Ctrl-C, and so would be the processes that tests start and
    # interrupt; what is caught is not passed on to them.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
