"""A kernel that refuses to open or to map, or that keeps a record of how it was asked."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from regtap import _native
from regtap.errors import RefusedError
from regtap.registers.model import Register
from regtap.targets import Target, node


def refuse_open(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let every os.open fail with that errno."""

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)


def refuse_map(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let every mapping of a target fail with that errno."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(node, "_native", SimpleNamespace(Window=refuse))


def record_open_flags(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the flags of every os.open."""
    seen: list[int] = []
    real = os.open

    def record(path: str, flags: int) -> int:
        seen.append(flags)
        return real(path, flags)

    monkeypatch.setattr(os, "open", record)
    return seen


def record_windows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, bool]]:
    """Return a list that gets offset, size in bytes and writability of every mapping of a target."""
    seen: list[tuple[int, int, bool]] = []

    def window(fd: int, *, offset: int, size: int, writable: bool) -> _native.Window:
        seen.append((offset, size, writable))
        return _native.Window(fd, offset=offset, size=size, writable=writable)

    monkeypatch.setattr(node, "_native", SimpleNamespace(Window=window))
    return seen


def refused(target: Target, address: int = 0) -> RefusedError:
    """Return the refusal, which is one line, of opening a target for a register."""
    with pytest.raises(RefusedError) as caught:
        target.open([Register("R", address)])
    assert "\n" not in str(caught.value)
    return caught.value
