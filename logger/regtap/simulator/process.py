"""The simulated device's process and its page of shared memory; `regtap.targets.sim` describes the registers.

What the device does is native (core/simulator.cpp). A private one serves one open target and ends with it, or
with the process that started it; a shared one is a file that any process may attach to.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap import _native
from regtap.errors import InputError, RefusedError
from regtap.system.files import close_unwritten
from regtap.system.remedies import remedy_for
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# These numbers are those of native/core/simulator.hpp.
SIMULATED_PAGE_BYTES = _native.SIMULATED_PAGE_BYTES  # whatever the page size of the machine is
ID_BYTES = b"REGT"
_CONTROL_OFFSET = 0xFFC
_CONTROL_STOP = b"STOP"

# Arbitrary: long beside a start, short beside a user's patience.
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 2.0
_POLL_S = 0.0005
_LIMITS = "free memory, or raise the limits on processes and open files (`ulimit -u`, `ulimit -n`)"
_ELSEWHERE = "name a file in a folder that you may write to, such as /dev/shm"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# With -I and -S, and the extension loaded by its path: nothing of site-packages is imported, which is quicker
# than `-m` and works alike for every kind of install.
_CHILD = """
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
path, fd, parent_pid = sys.argv[1:]
loader = ExtensionFileLoader("regtap._native", path)
native = loader.create_module(ModuleSpec("regtap._native", loader, origin=path))
loader.exec_module(native)
native.run_simulator(int(fd), parent_pid=int(parent_pid))
"""


def check_of(count: int) -> int:
    """Return the value of CHECK for a value of COUNT32 (the finaliser of MurmurHash3, a bijection of 32 bits)."""
    value = (count ^ (count >> 16)) * 0x85EBCA6B & 0xFFFFFFFF
    value = (value ^ (value >> 13)) * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ (value >> 16)


@dataclass
class Simulator:
    """A private simulated device, running; made by `start`.

    Attributes:
        fd: Its page of SIMULATED_PAGE_BYTES, readable and writable; -1 after close().
        process: The process that plays it.
    """

    fd: int
    process: subprocess.Popen[bytes]

    def close(self) -> None:
        """End the process and close the page; a second call does nothing.

        Works without the privilege that it was started with: the device is asked to stop through its page,
        since a process that has dropped root may not signal one that it started as root.
        """
        if self.fd < 0:
            return
        fd, self.fd = self.fd, -1
        try:
            os.pwrite(fd, _CONTROL_STOP, _CONTROL_OFFSET)
        except OSError:  # somebody in this process has closed it
            with suppress(PermissionError):
                self.process.terminate()
        close_unwritten(fd)
        _end(self.process)


def start() -> Simulator:
    """Start a private simulated device and wait until its registers are there (about 10 ms).

    It ends with close(), and within a millisecond or two of this process's end, whatever ends it.

    Raises:
        RefusedError: The system gave no memory or no process, or the process did not come up.
    """
    try:
        fd = _above_standard(os.memfd_create("regtap-sim", os.MFD_CLOEXEC))
    except OSError as error:
        raise _refused("no memory for the simulated device", error, _LIMITS) from error
    try:
        os.ftruncate(fd, SIMULATED_PAGE_BYTES)
        process = _spawn(fd)
    except BaseException:
        os.close(fd)
        raise
    simulator = Simulator(fd, process)
    try:
        if not _wait_until_ready(fd, lambda: process.poll() is None):
            raise _not_started(process)
    except BaseException:
        simulator.close()
        raise
    return simulator


def serve(path: str, announce: Callable[[], None]) -> None:
    """Play a shared simulated device in this process until SIGINT, SIGTERM or SIGHUP.

    For the main thread of a process that does nothing else meanwhile.

    Args:
        path: A file to make (mode 0600); removed at the end.
        announce: Called once the file is there and signals are safe.

    Raises:
        InputError: The path exists, or its folder does not.
        RefusedError: The system did not let the file be made.
    """
    with _signals_held_back(), _shared_page(path) as fd:
        announce()
        _native.run_simulator(fd, parent_pid=0)


def require_live(fd: int, path: str) -> None:
    """Raise InputError unless a simulated device lives on an open file; wait for a device that starts.

    Raises:
        InputError: The file is something else, or its device has ended.
    """
    if _wait_until_ready(fd, lambda: is_played(fd)) and is_played(fd):
        return
    how = f"start one with: regtap sim {shlex.quote(path)}"
    if _is_ready(fd):
        raise InputError(f"the simulated device on {quoted(path)} has ended; remove the file and {how}")
    raise InputError(f"{quoted(path)} is no simulated device; {how}")


def _is_ready(fd: int) -> bool:
    return os.pread(fd, len(ID_BYTES), 0) == ID_BYTES


def is_played(fd: int) -> bool:
    """Return whether the process of the simulated device on this file still lives."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def _wait_until_ready(fd: int, is_alive: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _is_ready(fd):
        if not is_alive() or time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _spawn(fd: int) -> subprocess.Popen[bytes]:
    arguments = (_native.__file__, str(fd), str(os.getpid()))
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CHILD, *arguments],
            pass_fds=(fd,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C at the terminal ends the recorder, which then ends this. No session of its own: with autogroup, a
            # busy machine (Linux 6.18) lets a new session wait for seconds.
            process_group=0,
        )
    except OSError as error:
        is_forbidden = error.errno in (errno.EACCES, errno.EPERM)
        remedy = f"let this user execute {sys.executable}" if is_forbidden else _LIMITS
        raise _refused("no process for the simulated device", error, remedy) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:  # it never came up, or somebody halted it
        with suppress(PermissionError):  # it still ends with this process
            process.kill()
            process.wait()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let no signal end the process before its file is removed; the native loop lets them through."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _shared_page(path: str) -> Iterator[int]:
    fd = _create(path)
    try:
        _prepare(fd, path)
        yield fd
    finally:
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(fd)):
                os.unlink(path)
        os.close(fd)


def _create(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise InputError(f"{quoted(path)} exists; name a new file for the simulated device") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{quoted(path)} has no folder to lie in; make it, or name another") from error
    except OSError as error:
        raise _refused(f"cannot make {quoted(path)}", error, _ELSEWHERE) from error


def _prepare(fd: int, path: str) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.posix_fallocate(fd, 0, SIMULATED_PAGE_BYTES)
    except OSError as error:
        raise _refused(f"cannot use {quoted(path)}", error, _ELSEWHERE) from error


def _above_standard(fd: int) -> int:
    """Return the descriptor, moved above 2 if need be: the child gets a new 0, 1 and 2."""
    if fd > 2:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(fd)


def _refused(what: str, error: OSError, remedy: str) -> RefusedError:
    return RefusedError(
        f"{what} ({os.strerror(error.errno or 0)})", remedy=remedy_for(error, remedy), errno=error.errno
    )


def _not_started(process: subprocess.Popen[bytes]) -> RefusedError:
    code = process.poll()
    what = f"does not answer after {_START_TIMEOUT_S:g} s" if code is None else f"ended with exit code {code}"
    remedy = f"see what `{sys.executable} -c 'import regtap._native'` says"
    return RefusedError(f"the simulated device's process {what}", remedy=remedy)
