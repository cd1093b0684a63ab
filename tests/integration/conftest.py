"""What tests of whole commands share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter and fill.

    It lies beside pytest's own, which each pytest that begins closes to others.
    """
    with tempfile.TemporaryDirectory(prefix="regtap-shared-") as folder:
        path = Path(folder)
        path.chmod(0o777)
        yield path
