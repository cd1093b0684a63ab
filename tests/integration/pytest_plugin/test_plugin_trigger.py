"""The fixture register_trace with a trigger: stretches around hits, and a test without one."""

from __future__ import annotations

import pytest
from tests.integration.pytest_plugin.conftest import Run, kept

import regtap

pytest_plugins = ["pytester"]


CATCH = """
    import pytest

    @pytest.mark.registers("COUNT32", target="sim", rate="10k", keep="always", OPTIONS)
    def test_it(register_trace):
        BODY
"""


def test_a_hit_stores_what_lies_around_it(run: Run, pytester: pytest.Pytester) -> None:
    options = "trigger='COUNT32 & 15 == 0', pre='2ms', post='2ms', captures=2"
    result = run(CATCH.replace("OPTIONS", options).replace("BODY", "assert register_trace.capture.wait(60)"))

    result.assert_outcomes(passed=1)
    trace = regtap.open_trace(kept(pytester)["test_suite.py-test_it"])
    assert trace.totals is not None
    assert trace.totals.ended == "captures"
    hits = [mark.t_ns for mark in trace.marks if mark.text == "trigger: COUNT32 & 15 == 0"]
    assert len(hits) >= 2
    rows = trace.to_arrow()
    values = dict(zip(rows["t_ns"].to_pylist(), rows["COUNT32"].to_pylist(), strict=True))
    assert all(values[hit] % 16 == 0 for hit in hits)


def test_without_a_hit_the_test_passes_and_stores_nothing(run: Run, pytester: pytest.Pytester) -> None:
    result = run(CATCH.replace("OPTIONS", "trigger='COUNT32 == 0'").replace("BODY", "pass"))

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*LossWarning*")
    trace = regtap.open_trace(kept(pytester)["test_suite.py-test_it"])
    assert (trace.rows, trace.marks) == (0, ())
    assert {gap.cause for gap in trace.gaps} <= {"overwritten", "missed"}


def test_a_duration_without_a_hit_is_a_warning(run: Run) -> None:
    options = "trigger='COUNT32 == 0', duration='20ms'"
    result = run(CATCH.replace("OPTIONS", options).replace("BODY", "assert register_trace.capture.wait(60)"))

    result.stdout.fnmatch_lines(["*LossWarning: regtap: COUNT32: no trigger in * COUNT32 == 0*"])
