"""Where traces and spools made by hand are put."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the place of a trace that is not there yet."""
    return tmp_path / "run"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return the place of a spool that is not there yet."""
    return tmp_path / "spool"
