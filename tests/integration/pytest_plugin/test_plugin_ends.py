"""Traces of tests whose process ends before them, and of tests that fork."""

from __future__ import annotations

import shlex

import pytest
from tests.conservation import assert_conserved
from tests.integration.pytest_plugin.conftest import kept

import regtap
from regtap.recovery.complete import recover

pytest_plugins = ["pytester"]

CRASHING = """
    import os, signal, pytest

    @pytest.mark.registers("COUNT32", target="sim", spool_size="1MiB")
    def test_it(register_trace):
        while not register_trace.capture.status().taken:  # the fixture waits for a second only
            pass
        os.kill(os.getpid(), signal.SIGNAL)
"""
FORKING = """
    import os, pytest

    @pytest.mark.registers("COUNT32", target="sim", keep="KEEP")
    def test_it(register_trace):
        register_trace.capture.wait_for_first_row()
        child = os.fork()
        if child == 0:
            return
        assert os.waitpid(child, 0)[1] == 0
        register_trace.mark("after the child")
"""


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_the_summary_names_what_a_crashed_worker_left(number: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CRASHING.replace("SIGNAL", number))

    result = pytester.runpytest_subprocess("-n1", "--max-worker-restart=0")

    (trace,) = kept(pytester).values()
    result.stdout.fnmatch_lines([f"cut off; to complete it: regtap recover {shlex.quote(str(trace))}"])
    assert recover(trace).rows > 0
    assert_conserved(regtap.open_trace(trace))


def test_the_summary_names_no_trace_that_is_whole(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CRASHING.replace("os.kill(os.getpid(), signal.SIGNAL)", "assert False"))

    result = pytester.runpytest_subprocess("-n1")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*register traces: *"])
    result.stdout.no_fnmatch_line("cut off*")


@pytest.mark.parametrize(("keep", "traces"), [("always", 1), ("failed", 0)])
def test_a_test_that_forks_keeps_its_trace(keep: str, traces: int, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FORKING.replace("KEEP", keep))

    pytester.runpytest_subprocess().assert_outcomes(passed=1)

    assert len(kept(pytester)) == traces
    for trace in kept(pytester).values():
        assert_conserved(regtap.open_trace(trace))
        assert [mark.text for mark in regtap.open_trace(trace).marks] == ["after the child"]
