"""The fixture register_trace, as test suites use it: which traces it keeps, and what is in them."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from tests.integration.pytest_plugin.conftest import Run, kept

import regtap

pytest_plugins = ["pytester"]


def test_a_failed_test_keeps_its_trace_marked_where_it_failed(run: Run, pytester: pytest.Pytester) -> None:
    result = run("""
        import pytest

        @pytest.mark.registers("COUNT32", "STATUS", target="sim")
        def test_it(register_trace):
            register_trace.mark("before")
            assert False
    """)
    result.assert_outcomes(failed=1)
    trace = regtap.open_trace(kept(pytester)["test_suite.py-test_it"])
    assert [mark.text for mark in trace.marks] == ["before", "failed"]
    assert [register.name for register in trace.registers] == ["COUNT32", "STATUS"]
    result.stdout.fnmatch_lines(
        ["*- regtap trace (call) -*", str(trace.path), "*- regtap trace (teardown) -*", "due * = stored *"]
    )
    result.stdout.fnmatch_lines([f"*register traces: {trace.path.parent}*"])


def test_junit_has_the_path_of_each_kept_trace(run: Run, pytester: pytest.Pytester) -> None:
    run(
        """
        import pytest
        pytestmark = pytest.mark.registers("COUNT32", target="sim")

        def test_bad(register_trace):
            assert False

        def test_good(register_trace):
            pass
        """,
        "--junitxml=junit.xml",
    )
    properties = ET.parse(pytester.path / "junit.xml").findall(".//testcase/properties/property")
    path = kept(pytester)["test_suite.py-test_bad"]
    assert [found.attrib for found in properties] == [{"name": "regtap_trace", "value": str(path)}]


def test_a_suite_that_passes_leaves_nothing_behind(run: Run, pytester: pytest.Pytester) -> None:
    result = run("""
        import pytest

        @pytest.mark.registers("COUNT32", target="sim")
        def test_it(register_trace):
            assert register_trace.path.is_dir()
    """)
    result.assert_outcomes(passed=1)
    assert not (pytester.path / "regtap-traces").exists()


def test_a_test_can_assert_on_what_the_registers_did(run: Run) -> None:
    result = run("""
        import pytest, time

        @pytest.mark.registers("COUNT32", "ID", target="sim", rate="max", samples=1000)
        def test_it(register_trace):
            register_trace.capture.wait(30)
            trace = register_trace.stop()
            counts = trace.to_arrow()["COUNT32"].to_pylist()
            assert len(counts) == 1000 and counts == sorted(counts)
            assert set(trace.to_arrow()["ID"].to_pylist()) == {0x54474552}
            assert register_trace.summary.clean
            assert register_trace.stop().rows == 1000
    """)
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("rate", ["max", "1k", "0.1"])
def test_the_trace_begins_before_the_test_does(run: Run, rate: str) -> None:
    result = run(f"""
        import pytest

        @pytest.mark.registers("ID", target="sim", rate="{rate}")
        def test_it(register_trace):
            assert register_trace.stop().rows >= 1
    """)
    result.assert_outcomes(passed=1)


def test_failures_around_a_test_keep_its_trace_unless_expected(run: Run, pytester: pytest.Pytester) -> None:
    result = run("""
        import pytest
        pytestmark = pytest.mark.registers("COUNT32", target="sim")

        @pytest.fixture
        def bad_setup(register_trace):
            assert False

        @pytest.fixture
        def bad_teardown(register_trace):
            yield
            register_trace.mark("teardown")
            assert False

        def test_setup(bad_setup): pass

        def test_teardown(bad_teardown): pass

        @pytest.mark.xfail(strict=True)
        def test_unexpected_pass(register_trace): pass

        @pytest.mark.xfail
        def test_expected_failure(register_trace): assert False

        def test_skip(register_trace): pytest.skip("not today")
    """)
    result.assert_outcomes(errors=2, passed=1, failed=1, xfailed=1, skipped=1)
    expected = ["test_setup", "test_teardown", "test_unexpected_pass"]
    assert sorted(kept(pytester)) == [f"test_suite.py-{name}" for name in expected]


def test_no_trace_overwrites_another(run: Run, pytester: pytest.Pytester) -> None:
    """GIVEN names alike but for odd characters, each run twice, THEN each has a folder of its own."""
    pytester.makeconftest("""
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                runtestprotocol(item, nextitem=nextitem)
            return True
    """)
    run("""
        import pytest

        @pytest.mark.registers("COUNT32", target="sim")
        @pytest.mark.parametrize("text", ["a/b", "a b"])
        def test_it(register_trace, text): assert False
    """)
    name = "test_suite.py-test_it-a-b"
    assert sorted(kept(pytester)) == [name, f"{name}-2", f"{name}-3", f"{name}-4"]


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    """Every run of pytest on a machine with regtap loads it."""
    code = "import json, sys, regtap.pytest_plugin; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout

    heavy = {"numpy", "pyarrow", "matplotlib", "click", "regtap._native", "regtap.recording.capture"}

    assert not heavy & set(json.loads(output))
