"""Marks from other processes, at the door of the capture: what is taken, and what is turned away."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import regtap
from regtap.documents.decoding import MOST_LETTERS
from regtap.errors import InputError, RefusedError
from regtap.recording import mark_server, marking
from regtap.recording.mark_server import MarkServer
from regtap.recording.marking import MarkRequest, pack, send_mark, socket_address
from regtap.spool.pointer import SpoolPointer, new_identity
from regtap.system.host import boot_id

POINTER = SpoolPointer("/dev/shm/regtap-1-00000000", boot_id(), 1, 2, new_identity())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pointer = tmp_path / "_spool"
    pointer.write_text(POINTER.to_json())
    pointer.chmod(0o600)
    return tmp_path


@contextmanager
def serving(taken: list[tuple[int, str]]) -> Iterator[MarkServer]:
    def take(raw_ns: int, text: str) -> int:
        if text == "too late":
            raise InputError("the capture has ended")
        taken.append((raw_ns, text))
        return raw_ns - 1000

    server = MarkServer(POINTER.identity)
    try:
        with server.serving(take):
            yield server
    finally:
        server.close()


def connect() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect(socket_address(POINTER.identity))
    return connection


def answer_to(request: bytes) -> bytes:
    with connect() as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_a_mark_comes_with_its_own_moment(folder: Path) -> None:
    taken: list[tuple[int, str]] = []

    with serving(taken):
        at_ns = send_mark(folder, "phase 2", 5000)

    assert taken == [(5000, "phase 2")]
    assert at_ns == 4000


def test_a_mark_that_comes_too_late_is_refused(folder: Path) -> None:
    with serving([]), pytest.raises(InputError, match=r"cannot mark .*: the capture has ended"):
        send_mark(folder, "too late", 5000)


def test_a_mark_of_any_letters_fits(folder: Path) -> None:
    taken: list[tuple[int, str]] = []
    texts = ["[" * MOST_LETTERS, "\N{GRINNING FACE}" * MOST_LETTERS, "a\0\x1b\u202e\n"]

    with serving(taken):
        for text in texts:
            send_mark(folder, text, 1)

    assert [text for _, text in taken] == texts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x" * (MOST_LETTERS + 1), "at most 65,536 letters"),
        ("\udcff", "is not; write it in UTF-8"),
        (5, "is a text"),
    ],
)
def test_what_cannot_be_a_mark_is_not_sent(folder: Path, text: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        send_mark(folder, text, 1)


WRONG = {
    "nothing": b"",
    "no JSON": b"no JSON",
    "nested": b"[" * 100_000,
    "of wrong types": b'{"identity": 1, "raw_ns": 1, "text": "x"}',
    "before every boot": pack(MarkRequest(POINTER.identity, -1, "x")),
    "of no 64 bits": pack(MarkRequest(POINTER.identity, 2**70, "x")),
    "another capture's": pack(MarkRequest(new_identity(), 1, "x")),
    "too long": pack(MarkRequest(POINTER.identity, 1, "x" * (MOST_LETTERS + 1))),
    "half a letter": pack(MarkRequest(POINTER.identity, 1, "\udcff")),
    "with a member too many": pack(MarkRequest(POINTER.identity, 1, "x"))[:-1] + b', "more": 1}',
    "blank": b" " * (1 << 20),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_request_that_is_none_is_refused_and_harms_nobody(folder: Path, wrong: str) -> None:
    taken: list[tuple[int, str]] = []

    with serving(taken):
        answer = json.loads(answer_to(WRONG[wrong]))
        send_mark(folder, "after it", 2)

    assert answer["t_ns"] is None
    assert answer["refusal"]
    assert taken == [(2, "after it")]


def test_a_request_without_an_end_is_cut_off(folder: Path) -> None:
    taken: list[tuple[int, str]] = []

    with serving(taken), connect() as connection:
        with pytest.raises(OSError):  # noqa: PT011 - broken pipe or reset, as it comes
            while True:
                connection.sendall(b" " * (1 << 16))
        send_mark(folder, "after it", 2)

    assert taken == [(2, "after it")]


def test_a_client_that_says_nothing_holds_nobody_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_server, "_PATIENCE_S", 0.05)
    taken: list[tuple[int, str]] = []

    with serving(taken), connect(), connect():
        send_mark(folder, "behind them", 2)

    assert taken == [(2, "behind them")]


def test_another_user_gets_no_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, str]] = []
    monkeypatch.setattr(mark_server, "peer_uid", lambda _connection: os.geteuid() + 1)

    with (
        serving(taken),
        pytest.raises((ConnectionResetError, BrokenPipeError)),
    ):  # cut off before or after it was sent
        answer_to(pack(MarkRequest(POINTER.identity, 1, "x")))

    assert taken == []


def test_another_users_socket_is_not_believed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, str]] = []
    monkeypatch.setattr(marking, "peer_uid", lambda _connection: os.geteuid() + 1)

    with serving(taken), pytest.raises(RefusedError, match="cannot reach the capture"):
        send_mark(folder, "x", 1)

    assert taken == []


def test_who_connects_before_the_capture_serves_gets_an_answer(folder: Path) -> None:
    server = MarkServer(POINTER.identity)
    sent: list[int] = []
    client = threading.Thread(target=lambda: sent.append(send_mark(folder, "early", 7)))
    client.start()
    while client.is_alive() and not _is_waiting():
        time.sleep(0.001)

    with server.serving(lambda raw_ns, text: raw_ns):
        client.join(30)
    server.close()

    assert sent == [7]


def test_serving_ends_though_its_descriptor_was_closed(folder: Path) -> None:
    server = MarkServer(POINTER.identity)
    ended = threading.Event()

    def serve() -> None:
        with server.serving(lambda raw_ns, text: raw_ns):
            send_mark(folder, "it accepts", 1)
            os.close(server._socket.detach())  # as os.closerange() does
        ended.set()

    threading.Thread(target=serve, daemon=True).start()

    assert ended.wait(30)


def _is_waiting() -> bool:
    """Return whether somebody has connected: the kernel lists each end of a connection."""
    name = socket_address(POINTER.identity)[1:]
    return Path("/proc/net/unix").read_text().count(f"@{name}") > 1


def test_an_ended_capture_refuses_while_a_child_has_its_socket(folder: Path) -> None:
    with serving([]):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)

    try:
        with pytest.raises(InputError, match="no capture runs"):
            send_mark(folder, "x", 1)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_a_restart_since_is_told(tmp_path: Path) -> None:
    pointer = tmp_path / "_spool"
    pointer.write_text(SpoolPointer(POINTER.spool, "another boot", 1, 2, POINTER.identity).to_json())
    pointer.chmod(0o600)

    with pytest.raises(InputError, match="regtap recover"):
        send_mark(tmp_path, "x", 1)


def test_a_pointer_that_others_may_write_is_not_believed(folder: Path) -> None:
    (folder / "_spool").chmod(0o666)

    with pytest.raises(InputError, match="other users may write to it"):
        send_mark(folder, "x", 1)


def test_python_marks_a_capture_by_its_folder(tmp_path: Path) -> None:
    with regtap.record(["COUNT32"], tmp_path / "run", target="sim", rate="1k") as capture:
        first = regtap.mark(tmp_path / "run", "by its folder")
        capture.mark("by itself")

    marks = [(mark.t_ns, mark.text) for mark in capture.trace().marks]
    assert marks[0] == (first, "by its folder")
    assert [text for _, text in marks] == ["by its folder", "by itself"]
