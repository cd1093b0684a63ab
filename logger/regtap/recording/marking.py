"""Marks from outside: another process of the same user names a moment of a running capture.

A capture listens on a socket in the abstract namespace (unix(7)), so that nothing of it is left behind, whatever ends
the capture. The socket's name comes from the identity in the trace's pointer, and a request holds the identity itself,
which nobody but the pointer's owner can read. Both ends ask the kernel for the user at the other end (SO_PEERCRED),
and believe their own user alone.

A connection carries one request and its answer, a JSON object each. The answer comes after the mark was taken or
refused: a mark is either in the trace, or its sender knows.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import socket
import struct
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regtap.documents.decoding import MOST_LETTERS, decode
from regtap.documents.json_text import Limits, load_json
from regtap.errors import InputError, RefusedError
from regtap.spool.pointer import Identity, read_pointer
from regtap.system.files import is_own
from regtap.system.host import boot_id
from regtap.system.permissions import describe_user, user_name
from regtap.trace.files import SPOOL_POINTER
from regtap.trace.ranges import Count, TimeNs  # noqa: TC001 - decode() reads the annotations

if TYPE_CHECKING:
    from regtap.spool.pointer import SpoolPointer

# JSON takes up to 12 bytes a letter, and brackets in a text count as containers.
LIMITS = Limits(size_bytes=1 << 20, depth=2, containers=MOST_LETTERS + 2)
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
_PATIENCE_S = 10.0  # arbitrary: a capture answers in a millisecond unless its machine is at a standstill
_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """The request of a client.

    Attributes:
        identity: Identity of the capture, from its pointer.
        raw_ns: The moment, on CLOCK_MONOTONIC_RAW.
        text: Its name.
    """

    identity: Identity
    raw_ns: Count
    text: str


@dataclass(frozen=True, slots=True)
class MarkAnswer:
    """The answer of the capture.

    Attributes:
        t_ns: The moment in ns since the start of the trace; None: the mark was refused.
        refusal: The reason.
    """

    t_ns: TimeNs | None
    refusal: str = ""


def check_mark(text: object) -> None:
    """Check the text of a mark.

    Raises:
        InputError: It is no string, too long, or no Unicode.
    """
    if not isinstance(text, str):
        raise InputError(f"a mark is a text, not {text!r}")
    if len(text) > MOST_LETTERS:
        raise InputError(f"a mark has at most {MOST_LETTERS:,} letters, and this one has {len(text):,}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("a mark is Unicode, and this text is not; write it in UTF-8") from error


def mark(trace: str | os.PathLike[str], text: str) -> int:
    """Set a mark at this moment in a running capture, of this process or of another one of the same user.

    Args:
        trace: The folder that the capture records into.
        text: The name, at most 65,536 letters.

    Returns:
        The moment in ns since the start of the trace.

    Raises:
        InputError: No capture runs there, or `text` cannot be a mark.
        RefusedError: The capture is another user's, or does not answer.
    """
    return send_mark(trace, text, time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW))


def send_mark(trace: str | os.PathLike[str], text: str, raw_ns: int) -> int:
    """Set a mark at a moment on CLOCK_MONOTONIC_RAW in a running capture; see mark()."""
    check_mark(text)
    folder = Path(trace)
    pointer = _pointer_of(folder)
    request = MarkRequest(pointer.identity, raw_ns, text)
    try:
        raw = _exchange(socket_address(pointer.identity), pack(request))
    except ConnectionRefusedError:
        raise _not_running(folder) from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "no answer in time"
        raise RefusedError(
            f"cannot reach the capture of {folder}: {reason}", remedy="try again", errno=error.errno
        ) from error
    answer = _parse(raw, folder)
    if answer.t_ns is None:
        raise InputError(f"cannot mark {folder}: {answer.refusal}")
    return answer.t_ns


def socket_address(identity: str) -> str:
    """Return the address of a capture's socket: its name gives the identity away to nobody."""
    return f"\0regtap-marks-{hashlib.sha256(identity.encode()).hexdigest()[:32]}"


def pack(document: MarkRequest | MarkAnswer) -> bytes:
    """Return the bytes of a request or an answer."""
    return json.dumps(asdict(document)).encode()


def peer_uid(connection: socket.socket) -> int:
    """Return the user at the other end, by the kernel's record from when the connection was made."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return int(uid)


def receive(connection: socket.socket, patience_s: float) -> bytes:
    """Return all bytes that the other end sends before it closes its direction.

    Raises:
        OSError: It takes too long, or is gone.
        ValueError: It sends more than a request may have.
    """
    latest_s = time.monotonic() + patience_s
    received = bytearray()
    while True:
        connection.settimeout(max(0.001, latest_s - time.monotonic()))
        piece = connection.recv(1 << 16)
        if not piece:
            return bytes(received)
        received += piece
        if len(received) > LIMITS.size_bytes:
            raise ValueError(f"a request has at most {LIMITS.size_bytes:,} bytes")
        if time.monotonic() > latest_s:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


def _pointer_of(folder: Path) -> SpoolPointer:
    """Return the pointer in the folder of a capture of this boot.

    Raises:
        InputError: There is no such folder, no running capture in it, or its pointer is damaged.
        RefusedError: The pointer is another user's, or cannot be read.
    """
    try:
        status = os.lstat(folder / SPOOL_POINTER)
    except FileNotFoundError:
        if not folder.is_dir():
            raise InputError(f"no trace at {folder}: there is no such folder") from None
        raise InputError(f"no capture runs in {folder}: it has ended, or there never was one") from None
    except OSError as error:
        raise InputError(f"no trace at {folder}: {os.strerror(error.errno or 0)}") from error
    if not is_own(status):
        raise RefusedError(
            f"the capture of {folder} is {user_name(status.st_uid)}'s, and this is {describe_user()}",
            remedy="mark it as its user",
        )
    pointer = read_pointer(folder)
    if pointer is None or pointer.boot_id != boot_id():
        raise _not_running(folder)
    return pointer


def _not_running(folder: Path) -> InputError:
    return InputError(
        f"no capture runs in {folder}: it has just ended, or was cut off (then `regtap recover {folder}` completes it)"
    )


def _exchange(address: str, request: bytes) -> bytes:
    """Send a request, and return the answer; raises OSError as the kernel said."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        _connect(connection, address)
        if peer_uid(connection) != os.geteuid():
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        with contextlib.suppress(BrokenPipeError):  # refused before it was read; the answer says why
            connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return receive(connection, _PATIENCE_S)


def _connect(connection: socket.socket, address: str) -> None:
    """Connect; wait if the queue of other clients is full."""
    connection.settimeout(_PATIENCE_S)
    latest_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.connect(address)
        except BlockingIOError:  # the queue is full, whatever the timeout
            if time.monotonic() > latest_s:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _parse(raw: bytes, folder: Path) -> MarkAnswer:
    try:
        return decode(MarkAnswer, load_json(raw, LIMITS))
    except ValueError:
        raise RefusedError(
            f"the capture of {folder} ended without an answer, and the mark may be lost",
            remedy=f"see what `regtap info {folder}` shows",
        ) from None
