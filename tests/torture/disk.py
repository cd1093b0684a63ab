"""A disk's memory: every call that changes files, and what a power loss may leave of them.

The model is harsher than POSIX file systems are in practice. Of what was not synced, each sector of a write may be
there, be missing, or be garbage; where several writes went to one sector, any of them may be the one that is there;
a file's size and the entries of a folder may be old or new, each for itself.
"""

from __future__ import annotations

import io
import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from regtap.clock.anchored import AnchoredClock
from regtap.parts import native
from regtap.parts.native import NativeEncoder
from regtap.spool.block import Block
from regtap.trace.metadata import PartMetadata

SECTOR = 512


@dataclass(eq=False)
class File:
    """One file, whatever its name."""

    name: str


@dataclass(frozen=True)
class Call:
    """One call. `upto`, of a sync: the number of calls that it covers."""

    kind: str
    file: File | None = None
    offset: int = 0
    data: bytes = b""
    names: tuple[str, ...] = ()
    upto: int = 0


@dataclass
class DiskLog:
    """The calls made below one folder, in their order; other threads may make them at the same time.

    Attributes:
        root: The folder; taken for durable itself.
        calls: What was done.
    """

    root: Path
    calls: list[Call] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _names: dict[str, File] = field(default_factory=dict)
    _open: dict[int, File] = field(default_factory=dict)

    def note(self, kind: str, *arguments: Any, **options: Any) -> None:
        with self._lock:
            self.calls.append(Call(kind, *arguments, **options))

    def _name(self, path: Any, dir_fd: int | None) -> str | None:
        """Return a path's name below the root, or None where it is elsewhere."""
        base = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()
        whole = os.path.normpath(os.path.join(base, os.fspath(path)))
        return os.path.relpath(whole, self.root) if whole.startswith(f"{self.root}/") else None

    def open(self, original: Callable[..., int], path: Any, flags: int, *rest: Any, **options: Any) -> int:
        with self._lock:
            fd = original(path, flags, *rest, **options)
            name = self._name(path, options.get("dir_fd"))
            self._open.pop(fd, None)  # of a file that was closed without os.close
            if name is not None and not flags & os.O_DIRECTORY:
                if flags & os.O_CREAT and name not in self._names:
                    self._names[name] = File(name)
                    self.note("create", self._names[name], names=(name,))
                self._open[fd] = self._names[name]
        return fd

    def close(self, original: Callable[..., None], fd: int) -> None:
        with self._lock:
            self._open.pop(fd, None)
            original(fd)

    def fdopen(
        self, original: Callable[..., Any], fd: int, mode: str = "r", *rest: Any, **options: Any
    ) -> Any:
        file = self._open.get(fd)
        if file is None or "w" not in mode:
            return original(fd, mode, *rest, **options)
        raw = _RawFile(fd, file, self)
        return raw if "b" in mode else io.TextIOWrapper(io.BufferedWriter(raw))

    def pwrite(self, original: Callable[..., int], fd: int, data: Any, offset: int) -> int:
        if fd in self._open:
            self.note("write", self._open[fd], offset, bytes(data))
        return original(fd, data, offset)

    def note_growth(self, fd: int, size: int) -> None:
        """Note what native code has written to a file that had this size before."""
        if fd in self._open:
            with open(f"/proc/self/fd/{fd}", "rb") as file:
                file.seek(size)
                self.note("write", self._open[fd], size, file.read())

    def posix_fallocate(self, original: Callable[..., None], fd: int, offset: int, size: int) -> None:
        if fd in self._open:
            self.note("allocate", self._open[fd], offset + size)
        original(fd, offset, size)

    def fsync(self, original: Callable[..., None], fd: int) -> None:
        upto = len(self.calls)
        file = self._open.get(fd)
        path = os.readlink(f"/proc/self/fd/{fd}")
        original(fd)
        if file is not None:
            self.note("sync", file, upto=upto)
        elif path == str(self.root) or path.startswith(f"{self.root}/"):
            self.note("sync folder", names=(os.path.relpath(path, self.root),), upto=upto)

    def rename(self, original: Callable[..., None], source: Any, to: Any, **options: Any) -> None:
        with self._lock:
            old = self._name(source, options.get("src_dir_fd"))
            new = self._name(to, options.get("dst_dir_fd"))
            if old is not None and new is not None:
                self._names[new] = self._names.pop(old)
                self.note("rename", self._names[new], names=(old, new))
            original(source, to, **options)

    def unlink(self, original: Callable[..., None], path: Any, **options: Any) -> None:
        with self._lock:
            original(path, **options)
            name = self._name(path, options.get("dir_fd"))
            if name is not None:
                self.note("unlink", self._names.pop(name), names=(name,))

    def mkdir(self, original: Callable[..., None], path: Any, *rest: Any, **options: Any) -> None:
        original(path, *rest, **options)
        name = self._name(path, options.get("dir_fd"))
        if name is not None:
            self.note("mkdir", names=(name,))


class _RawFile(io.FileIO):
    """A file whose writes are noted."""

    def __init__(self, fd: int, file: File, log: DiskLog) -> None:
        super().__init__(fd, "w")
        self._file = file
        self._log = log

    def write(self, data: Any, /) -> int:
        self._log.note("write", self._file, self.tell(), bytes(data))
        return super().write(data)

    def close(self) -> None:
        if not self.closed:
            self._log._open.pop(self.fileno(), None)
        super().close()


@contextmanager
def recorded(root: Path, known: Disk | None = None) -> Iterator[DiskLog]:
    """Note every call below a folder; `known`: what is in it already, durably."""
    log = DiskLog(root)
    if known is not None:
        log._names.update({name: file for name, file in known.entries.items() if file is not None})
    names = ("open", "close", "fdopen", "pwrite", "posix_fallocate", "fsync", "rename", "unlink", "mkdir")
    originals = {name: getattr(os, name) for name in (*names, "fdatasync")}

    def noted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **options: getattr(log, name)(original, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(os, name, noted(name, originals[name]))
        patch.setattr(os, "fdatasync", noted("fsync", originals["fdatasync"]))
        patch.setattr(native, "NativeEncoder", noted_encoder(log))
        yield log


def noted_encoder(log: DiskLog) -> type[NativeEncoder]:
    """Return an encoder whose writes are noted after each call, and before its file is synced."""

    class NotedEncoder(NativeEncoder):
        def __init__(self, fd: int, template: PartMetadata) -> None:
            super().__init__(fd, template)
            self._fd = fd

        def write(self, blocks: Sequence[Block], clock: AnchoredClock) -> None:
            size = os.fstat(self._fd).st_size
            super().write(blocks, clock)
            log.note_growth(self._fd, size)

        def finish(self, document: bytes) -> None:
            size = os.fstat(self._fd).st_size
            super().finish(document)
            log.note_growth(self._fd, size)

    return NotedEncoder


@dataclass
class Disk:
    """Files and their names, as they are for sure.

    Attributes:
        contents: Of each file.
        entries: The file of each name; None: a folder.
    """

    contents: dict[File, bytearray] = field(default_factory=dict)
    entries: dict[str, File | None] = field(default_factory=dict)

    def after_power_loss(self, calls: list[Call], dice: random.Random) -> Disk:
        """Return what may be left of these calls, the last of which was the last one made."""
        left = Disk({file: bytearray(data) for file, data in self.contents.items()}, dict(self.entries))
        files: dict[File, list[tuple[int, Call]]] = {}
        folders: dict[str, list[tuple[int, Call]]] = {}
        for k, call in enumerate(calls):
            if call.kind in ("write", "allocate"):
                assert call.file is not None
                files.setdefault(call.file, []).append((k, call))
            elif call.kind in ("create", "rename", "unlink", "mkdir"):
                folders.setdefault(os.path.dirname(call.names[0]) or ".", []).append((k, call))
            elif call.kind == "sync":
                assert call.file is not None
                for _, done in _split(files.get(call.file, []), call.upto):
                    left._write(done)
            elif call.kind == "sync folder":
                for _, done in _split(folders.get(call.names[0], []), call.upto):
                    left._enter(done)
        for pending in files.values():
            left._write_some([call for _, call in pending], dice)
        for pending in folders.values():
            left._enter_some([call for _, call in pending], dice)
        return left

    def _write(self, call: Call) -> None:
        assert call.file is not None
        content = self.contents.setdefault(call.file, bytearray())
        end = call.offset + len(call.data)
        content.extend(bytes(max(0, end - len(content))))
        content[call.offset : end] = call.data

    def _write_some(self, calls: list[Call], dice: random.Random) -> None:
        share, spoilt = dice.choice([0.0, 0.1, 0.5, 0.9, 1.0]), dice.choice([0.0, 0.02, 0.2])
        sectors = [sector for call in calls for sector in _sectors(call) if dice.random() < share]
        dice.shuffle(sectors)
        for sector in sectors:
            self._write(sector)
            if sector.data and dice.random() < spoilt:
                self._spoil(sector, dice)

    def _spoil(self, call: Call, dice: random.Random) -> None:
        """The power went while the disk wrote the sector in which these bytes are: all of it is garbage."""
        assert call.file is not None
        begin = call.offset // SECTOR * SECTOR
        size = min(SECTOR, len(self.contents[call.file]) - begin)
        self._write(replace(call, offset=begin, data=dice.randbytes(size)))

    def _enter(self, call: Call) -> None:
        if call.kind == "unlink":
            self.entries.pop(call.names[0], None)
            return
        self.entries[call.names[-1]] = call.file
        if call.kind == "rename" and self.entries.get(call.names[0]) is call.file:
            del self.entries[call.names[0]]

    def _enter_some(self, calls: list[Call], dice: random.Random) -> None:
        in_order = dice.random() < 0.5
        upto = dice.randrange(len(calls) + 1)
        for k, call in enumerate(calls):
            if k < upto if in_order else dice.random() < 0.5:
                self._enter(call)

    def as_seen(self, calls: list[Call]) -> Disk:
        """Return what there is after these calls while the power stays."""
        seen = Disk({file: bytearray(data) for file, data in self.contents.items()}, dict(self.entries))
        for call in calls:
            if call.kind in ("write", "allocate"):
                seen._write(call)
            elif call.kind in ("create", "rename", "unlink", "mkdir"):
                seen._enter(call)
        return seen

    def lay_out(self, root: Path) -> None:
        """Make all of it below a folder."""
        for name, file in self.entries.items():
            if file is None:
                (root / name).mkdir()
        for name, file in self.entries.items():
            if file is not None and (root / name).parent.is_dir():
                (root / name).write_bytes(self.contents.get(file, b""))


def _split(pending: list[tuple[int, Call]], upto: int) -> list[tuple[int, Call]]:
    """Take those before a number out of a list, and return them."""
    done = [entry for entry in pending if entry[0] < upto]
    pending[:] = pending[len(done) :]
    return done


def _sectors(call: Call) -> Iterator[Call]:
    if call.kind == "allocate":
        yield call
        return
    at = 0
    while at < len(call.data):
        size = min(len(call.data) - at, SECTOR - (call.offset + at) % SECTOR)
        yield Call("write", call.file, call.offset + at, call.data[at : at + size])
        at += size
