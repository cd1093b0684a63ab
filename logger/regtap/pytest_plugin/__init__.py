"""pytest plugin: the fixture `register_trace` records registers while a test runs.

    @pytest.mark.registers("STATUS=0x10", "COUNT=0x14", target="uio:0", rate="10k")
    def test_reset(register_trace, board):
        board.reset()
        trace = register_trace.stop()
        assert trace.to_arrow()["STATUS"][-1].as_py() == 0

The trace of a failed test is kept (regtap-traces/RUN/TEST); its path is in the test's report.
Every run of pytest loads this module, so it imports neither numpy nor pyarrow nor the native core.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from regtap.pytest_plugin import _settings
from regtap.pytest_plugin._folders import RunFolder
from regtap.pytest_plugin._recording import LossWarning, RegisterTrace, start

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["LossWarning", "RegisterTrace"]

_run_folder = pytest.StashKey[RunFolder]()
_current = pytest.StashKey[RegisterTrace]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    _settings.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker and check the ini file; nothing is made before a test records."""
    config.addinivalue_line("markers", _settings.MARKER_HELP)
    _settings.check_ini(config)
    config.stash[_run_folder] = RunFolder(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no empty folder, and only the traces of the last few runs."""
    if _run_folder in config.stash:  # it is not, after a usage error
        config.stash[_run_folder].finish()


@pytest.hookimpl(optionalhook=True)  # xdist's
def pytest_configure_node(node: Any) -> None:
    """Let a worker put its traces beside the others'."""
    node.config.stash[_run_folder].tell_worker(node.workerinput)


@pytest.fixture(scope="session")
def regtap_target(pytestconfig: pytest.Config) -> str:
    """The default target of tests; override the fixture if only the test run knows the target."""
    return _settings.default_target(pytestconfig)


@pytest.fixture
def register_trace(request: pytest.FixtureRequest, regtap_target: str) -> Iterator[RegisterTrace]:
    """Record the registers of `@pytest.mark.registers(...)` while the test runs."""
    item = request.node
    recording = start(item, regtap_target, request.config.stash[_run_folder])
    item.stash[_current] = recording
    yield recording
    recording.finish(item)


# The old kind of wrapper, which pluggy before 1.2 knows too: a plugin that fails to load ends every run.
@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Pass the result of each phase of a test to its recording."""
    outcome = yield
    recording = item.stash.get(_current, None)
    if recording is None or outcome.excinfo is not None:
        return
    report: pytest.TestReport = outcome.get_result()
    if report.when == "teardown":
        del item.stash[_current]
    recording.note(item, report)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the folder of the traces, and the commands that complete interrupted ones."""
    folder = config.stash[_run_folder]
    if folder.has_traces():
        terminalreporter.write_sep("-", f"register traces: {folder.path}")
    for trace in folder.cut_off():
        terminalreporter.write_line(f"cut off; to complete it: regtap recover {shlex.quote(str(trace))}")
