"""What all tests of the pytest plugin have in common: each runs pytest on a small suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.dataset  # noqa: F401 - see below
import pytest
from tests.integration.conftest import LEAN

import regtap.recording.api  # noqa: F401 - a run within this process forgets what it imported; numpy is to be loaded only once

Run = Callable[..., pytest.RunResult]


@pytest.fixture(autouse=True)
def lean_pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out plugins of others."""
    del pytester  # which forgets the variable when it is made
    monkeypatch.setenv("PYTEST_ADDOPTS", LEAN)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Return a function that runs pytest on a suite, in this process, and returns its result."""

    def run(suite: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_suite=suite)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", *arguments)

    return run


def kept(pytester: pytest.Pytester, base: str = "regtap-traces") -> dict[str, Path]:
    """Return the traces of all runs by name."""
    return {path.name: path for path in (pytester.path / base).glob("*/*")}
