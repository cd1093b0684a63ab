"""A program in a pseudo-terminal, and what a person would see there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import pyte
from tests.command import REGTAP

_LONGEST_S = 60.0
_TYPE = "linux"  # with colours, and without what pyte lacks (repeated characters)
# Whatever opens a terminal first in a new session gets it as its own, and with it SIGHUP and SIGWINCH.
_TAKE_TERMINAL = (
    "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
)

# A shell with job control, as far as Ctrl-Z needs one: Enter continues the program. As under make, another program of
# the job stops at once.
_SHELL = """
import os, signal, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if not child:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv("/bin/sh", ["sh", "-c", '"$@"; exit $?', *sys.argv])
while os.WIFSTOPPED(status := os.waitpid(child, os.WUNTRACED)[1]):
    os.tcsetpgrp(0, os.getpid())
    input("\\r\\nstopped\\r\\n")
    os.tcsetpgrp(0, child)
    os.killpg(child, signal.SIGCONT)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Terminal:
    """A terminal with `regtap` in it; a context manager.

    Args:
        arguments: Of regtap.
        size: Lines and columns.
        env: Variables that differ from the test's own.
        has_jobs: Whether a shell stands between, which says `stopped` after Ctrl-Z.
    """

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (24, 80),
        env: Mapping[str, str] | None = None,
        has_jobs: bool = False,
    ) -> None:
        self._screen = pyte.Screen(size[1], size[0])
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self._fd, slave = pty.openpty()
        self._set_size(size)
        variables = {**os.environ, "TERM": _TYPE, "LC_ALL": "C.UTF-8", **(env or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SHELL if has_jobs else _TAKE_TERMINAL, *REGTAP, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=variables,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        if self._fd >= 0:
            os.close(self._fd)

    def lines(self) -> list[str]:
        """Return what is on the screen now, without spaces at the ends of lines."""
        return [line.rstrip() for line in self._screen.display]

    def text(self) -> str:
        """Return the whole screen."""
        return "\n".join(self.lines())

    def wait_for(self, is_there: Callable[[str], bool] | str) -> str:
        """Return the screen once a text is on it, or a condition holds."""
        holds = (lambda text: is_there in text) if isinstance(is_there, str) else is_there
        end = time.monotonic() + _LONGEST_S
        while not holds(self.text()):
            assert time.monotonic() < end, f"{is_there} not seen in:\n{self.text()}"
            assert self._take(0.1) or self.process.poll() is None, f"it has ended:\n{self.text()}"
        return self.text()

    @property
    def screen(self) -> pyte.Screen:
        """The cells of the screen, with their colours."""
        return self._screen

    def take_for(self, seconds: float) -> None:
        """Show what the program writes for a time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._take(0.05)

    def row(self, name: str) -> list[str]:
        """Return the words of the line that begins with a name."""
        return next((line.split() for line in self.lines() if line.split()[:1] == [name]), [])

    def is_given_back(self) -> bool:
        """Whether lines are edited and echoed, as a shell has it."""
        modes: int = termios.tcgetattr(self._fd)[3]
        return modes & termios.ECHO != 0 and modes & termios.ICANON != 0

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._fd, keys.encode())

    def resize(self, lines: int, columns: int) -> None:
        """Give the window another size."""
        self._screen.resize(lines, columns)
        self._set_size((lines, columns))

    def hang_up(self) -> int:
        """Let the terminal go away; return the program's exit status."""
        os.close(self._fd)
        self._fd = -1
        return self.process.wait(_LONGEST_S)

    def end(self) -> int:
        """Return the program's exit status once it has ended, and show what it wrote until then."""
        end = time.monotonic() + _LONGEST_S
        while self._take(0.1) or self.process.poll() is None:
            assert time.monotonic() < end, f"still runs:\n{self.text()}"
        return self.process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    def _take(self, timeout_s: float) -> bool:
        """Show what the program wrote; return whether there was anything."""
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return False
        try:
            piece = os.read(self._fd, 65_536)
        except OSError:  # nobody has the other end open any more
            return False
        self.written += piece
        self._stream.feed(piece)
        return bool(piece)

    def _set_size(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
