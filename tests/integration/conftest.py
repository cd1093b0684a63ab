"""What tests of whole commands share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# For a pytest that a test starts: loading these two costs a second of CPU. pytester forgets it, and is told again.
LEAN = "-p no:hypothesispytest -p no:anyio"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter and fill.

    It lies beside pytest's own, which each pytest that begins closes to others.
    """
    with tempfile.TemporaryDirectory(prefix="regtap-shared-") as folder:
        path = Path(folder)
        path.chmod(0o777)
        yield path


@pytest.fixture(scope="session", autouse=True)
def lean_pytest() -> Iterator[None]:
    """Leave out plugins of others in each pytest that a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_ADDOPTS", LEAN)
        yield
