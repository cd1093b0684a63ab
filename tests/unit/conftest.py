"""The common fixtures of captures: places of traces and spools, and a writer that cannot keep up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from regtap.parts.file import PartFile


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the place of a trace that is not there yet."""
    return tmp_path / "run"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return the place of a spool that is not there yet."""
    return tmp_path / "spool"


@pytest.fixture
def slow_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that takes 20 ms for each row group: far slower than the loop."""
    original = PartFile.write

    def write(self: PartFile, *rows: Any) -> None:
        time.sleep(0.02)
        original(self, *rows)

    monkeypatch.setattr(PartFile, "write", write)
