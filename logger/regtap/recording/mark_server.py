"""The capture's end of marks from outside; recording/marking.py describes the exchange."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from typing import TYPE_CHECKING

from regtap.documents.decoding import decode
from regtap.documents.json_text import load_json
from regtap.errors import InputError, RefusedError
from regtap.recording.marking import (
    LIMITS,
    MarkAnswer,
    MarkRequest,
    check_mark,
    pack,
    peer_uid,
    receive,
    socket_address,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WAITING = 128  # arbitrary: connections that wait for their turn
_PATIENCE_S = 1.0  # arbitrary: with one that says nothing, while others wait
_PAUSE_S = 0.1  # where the process has no descriptor left for another one


class MarkServer:
    """Takes marks from other processes of the same user, one after the other.

    A connection made before serving() begins waits for it.

    Args:
        identity: Identity of the capture, as its pointer has it.

    Raises:
        RefusedError: The system gives this process no such socket.
    """

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._ended = threading.Event()
        try:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            self._socket.bind(socket_address(identity))
            self._socket.listen(_WAITING)
        except OSError as error:
            raise RefusedError(
                f"this process gets no socket for marks from outside: {os.strerror(error.errno or 0)}",
                remedy="raise its limit of open files (ulimit -n)",
                errno=error.errno,
            ) from error

    @contextlib.contextmanager
    def serving(self, take: Callable[[int, str], int]) -> Iterator[None]:
        """Take marks from a thread of its own until the block ends; whoever has connected by then gets an answer.

        Args:
            take: Called with the moment on CLOCK_MONOTONIC_RAW and the text; returns the moment in ns since the start
                of the trace, or raises InputError.
        """
        thread = threading.Thread(target=self._run, args=(take,), name="regtap-marks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            # Wakes accept(), and refuses new connections though a forked child may hold the socket open.
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:  # somebody closed our descriptor, and accept() sleeps on without it
                self._knock()
            thread.join()

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError):  # somebody in this process has closed it
            self._socket.close()

    def _knock(self) -> None:
        """Connect, so that accept() returns."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            connection.connect(socket_address(self._identity))

    def _run(self, take: Callable[[int, str], int]) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                is_shut = error.errno == errno.EINVAL  # and nobody waits any more
                if is_shut or self._ended.wait(_PAUSE_S):
                    return
                continue
            with connection, contextlib.suppress(OSError):  # of a client that is gone
                self._answer(connection, take)

    def _answer(self, connection: socket.socket, take: Callable[[int, str], int]) -> None:
        if peer_uid(connection) != os.geteuid():
            return
        try:
            request = decode(MarkRequest, load_json(receive(connection, _PATIENCE_S), LIMITS))
            if request.identity != self._identity:
                raise ValueError("it is for another capture")
            check_mark(request.text)
            answer = MarkAnswer(take(request.raw_ns, request.text))
        except InputError as error:
            answer = MarkAnswer(None, str(error))
        except ValueError as error:
            answer = MarkAnswer(None, f"the request cannot be read ({error})")
        connection.settimeout(_PATIENCE_S)
        connection.sendall(pack(answer))
