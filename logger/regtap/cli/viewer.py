"""`regtap view` beside a capture, as a process of its own: nothing of it can hold the capture up."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from regtap.cli.output import print_note
from regtap.cli.signals import POLL_S, EndSignals
from regtap.errors import InputError, RefusedError
from regtap.system.closeable import Closeable
from regtap.trace.metadata import OnFull

if TYPE_CHECKING:
    from regtap.system.privileges import User

_NEEDED = ("uvicorn", "starlette")
_END_S = 5.0  # that a server has to end by itself


def check_view(user: str | None, later_user: User | None, on_full: str | None) -> None:
    """Raise if a capture cannot be shown, before it begins.

    Args:
        user: As the user was named on the command line; None: not at all.
        later_user: Who records and looks; None: this process as it is.
        on_full: As it was given.

    Raises:
        InputError: The server is not installed, or there is nothing to show before the end.
        RefusedError: The server would run as root without being told so.
    """
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise InputError("--view needs a server: pip install 'regtap[view]'")
    if on_full == OnFull.OVERWRITE:
        raise InputError("--view shows what is stored, and a flight recorder stores nothing before its end")
    if os.geteuid() == 0 and later_user is None and user is None:
        raise RefusedError(
            "a server should not run as root", remedy="name who looks at it with --user, or say --user root"
        )


class Viewer(Closeable):
    """The page of a capture; a context manager.

    Args:
        output: The trace.
    """

    def __init__(self, output: str) -> None:
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Open the page; its address goes to stderr, and the terminal's Ctrl-C to the capture alone.

        The server ends with its standard input, a pipe that this process holds: it does not outlive a kill.
        """
        as_root = ["--as-root"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "regtap", "view", self._output, "--until-eof", *as_root],
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno(),
            process_group=0,
        )

    def wait(self) -> None:
        """Keep the page open until Ctrl-C."""
        if self._process is None or self._process.poll() is not None:
            return
        print_note("the page stays open until Ctrl-C")
        with EndSignals() as signals:
            while not signals.count and self._process.poll() is None:
                time.sleep(POLL_S)

    def close(self) -> None:
        """End the server, by SIGTERM and, where that is not enough, by SIGKILL; does nothing if there is none."""
        if self._process is None:
            return
        with self._process:  # which closes the pipe
            self._process.terminate()
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
