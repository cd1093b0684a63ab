"""The fixture register_trace as a flight recorder."""

from __future__ import annotations

import pytest
from tests.integration.pytest_plugin.conftest import Run, kept

import regtap

pytest_plugins = ["pytester"]


FLIGHT = """
    import pytest, time

    @pytest.fixture
    def long_teardown(register_trace):
        yield
        while register_trace.capture.status().kept.snapshots < SNAPSHOTS:
            time.sleep(0.001)
        until = filled(register_trace) + 12_000_000  # a lap of the ring and more
        while filled(register_trace) < until:
            time.sleep(0.001)

    def filled(register_trace):
        status = register_trace.capture.status()
        return status.taken - status.lost

    @pytest.mark.registers("COUNT32", target="sim", rate="max", on_full="overwrite", spool_size="64MiB"OPTIONS)
    def test_it(register_trace, long_teardown):
        while filled(register_trace) < 2_000:
            time.sleep(0.001)
        assert False
"""


def test_a_flight_recorder_keeps_what_led_to_the_failure(run: Run, pytester: pytest.Pytester) -> None:
    result = run(FLIGHT.replace("OPTIONS", "").replace("SNAPSHOTS", "1"))
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r"taken [\d,]+ = stored [\d,]+ \+ lost [\d,]+ \([\d,]+ overwritten\)$"])
    trace = regtap.open_trace(kept(pytester)["test_suite.py-test_it"])
    assert [mark.text for mark in trace.marks] == ["failed", "snapshot"]

    rows = trace.to_arrow(columns=["t_ns"], t1=trace.marks[0].t_ns).num_rows
    assert rows > 1000
    assert "overwritten" in {gap.cause for gap in trace.gaps}


def test_a_flight_recorder_that_forgets_gives_no_warning(run: Run) -> None:
    suite = FLIGHT.replace("OPTIONS", "").replace("SNAPSHOTS", "0").replace("assert False", "pass")
    result = run(suite)
    result.assert_outcomes(passed=1)

    result.stdout.no_fnmatch_line("*LossWarning*")


def test_a_window_that_the_ring_could_not_hold_is_told(run: Run) -> None:
    suite = FLIGHT.replace("OPTIONS", ", keep_last='1h'").replace("SNAPSHOTS", "0")
    result = run(suite.replace("assert False", "pass"))
    result.stdout.fnmatch_lines(["*LossWarning: regtap: COUNT32: the ring could not hold keep_last; *"])
