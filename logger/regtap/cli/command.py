"""The user's command, run during a capture."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from regtap.cli.output import print_note
from regtap.cli.signals import POLL_S, EndSignals
from regtap.errors import InputError

if TYPE_CHECKING:
    from regtap.recording.capture import Capture

_GRACE_S = 1.0  # in which further signals are the first one again: `timeout` and a closing terminal send two
_NOT_EXECUTED = 126  # POSIX shell, 2.8.2: found, but not executable
_STDERR = 2


def find_command(command: list[str]) -> list[str]:
    """Return the command with its program found, before anything is recorded.

    Raises:
        InputError: There is no such program.
    """
    program = shutil.which(command[0])
    if program is None:
        raise InputError(f"cannot run {command[0]!r}: no such program; check its name and PATH")
    return [program, *command[1:]]


def run_command(command: list[str], capture: Capture, signals: EndSignals, *, to_stderr: bool = False) -> int:
    """Run a command to its end and return its status as a shell would.

    That is 128 + N if signal N ended it, 126 if the system does not execute it. The trace begins before the command
    does. A signal ends the capture and is passed on. Another one kills the command if it has not ended in a second.

    Args:
        command: Its program, by path, and its arguments.
        capture: Running.
        signals: Those that end both.
        to_stderr: Let what the command prints on stdout go to stderr.
    """
    capture.wait_for_first_row()
    if signals.number:  # nobody is there yet to pass it on to
        return 128 + signals.number
    try:
        process = subprocess.Popen(command, stdout=_STDERR if to_stderr else None)
    except OSError as error:
        print_note(
            f"cannot run {command[0]!r}: {os.strerror(error.errno or 0)}; is it a program of this machine?"
        )
        return _NOT_EXECUTED
    while (status := process.poll()) is None and not signals.number:
        time.sleep(POLL_S)
    if status is None:
        capture.stop()
        status = _end(process, signals)
    return status if status >= 0 else 128 - status


def _end(process: subprocess.Popen[bytes], signals: EndSignals) -> int:
    """Pass the signal on, and return the command's status; -N for signal N if the kill is not permitted (sudo)."""
    number = signals.number
    if number != signal.SIGINT or not _is_in_foreground(process):
        with contextlib.suppress(PermissionError):
            process.send_signal(number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(_GRACE_S)
    before = signals.count
    print_note(
        f"the capture has ended, and waits for its command (PID {process.pid}); another signal kills that"
    )
    while process.poll() is None and signals.count == before:
        time.sleep(POLL_S)
    try:
        process.kill()
    except PermissionError:
        print_note(f"the command is another user's, and runs on (PID {process.pid})")
        return -number
    return process.wait()


def _is_in_foreground(process: subprocess.Popen[bytes]) -> bool:
    """Return whether Ctrl-C at our terminal reaches a process without us."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgid(process.pid)
    except OSError:
        return False
    finally:
        os.close(terminal)
