"""The fixture register_trace, as test suites use it: each test here runs pytest on a small suite."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pyarrow.dataset  # noqa: F401 - see below
import pytest

import regtap
import regtap.api  # a run within this process forgets what it imported, and numpy is to be loaded only once

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

# A target that is a file of the test's own: two pages, so that the second can be cut off.
FILE_TARGET = """
import os, pytest, regtap

@pytest.fixture
def device(tmp_path):
    path = tmp_path / "device"
    path.write_bytes(bytes(8192))
    return path

@pytest.fixture
def regtap_target(device):
    return f"file:{device}"
"""
# Far slower than the loop: a small ring is full at once.
SLOW_WRITER = """
import pytest, time
from regtap import writer

@pytest.fixture(autouse=True)
def slow_writer(monkeypatch):
    original = writer.PartWriter.write
    def write(self, arrays):
        time.sleep(0.05)
        original(self, arrays)
    monkeypatch.setattr(writer.PartWriter, "write", write)
"""
LOSING = """
    import pytest

    @pytest.mark.registers(
        "COUNT32", target="sim", rate="max", on_full="discard", samples="500k", spool_size="512KiB")
    def test_it(register_trace):
        assert register_trace.capture.wait(30)
"""


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


def test_a_failed_test_keeps_its_trace_with_the_moment_of_failure(
    run: Run, pytester: pytest.Pytester
) -> None:
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


def test_failures_around_a_test_keep_its_trace_and_expected_ones_do_not(
    run: Run, pytester: pytest.Pytester
) -> None:
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


def test_keep_of_the_marker_beats_the_command_line(run: Run, pytester: pytest.Pytester) -> None:
    run(
        """
        import pytest

        @pytest.mark.registers("COUNT32", target="sim", keep="never")
        def test_never(register_trace): assert False

        @pytest.mark.registers("COUNT32", target="sim")
        def test_always(register_trace): pass
        """,
        "--regtap-keep=always",
    )
    assert list(kept(pytester)) == ["test_suite.py-test_always"]


def test_target_comes_from_marker_then_command_line_then_ini(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nregtap_target = file:ini\nregtap_registers = a=0 b=4:u16")
    suite = """
        import pytest

        @pytest.mark.registers(target="file:marker")
        def test_marker(register_trace): pass

        def test_default(register_trace): pass
    """
    run(suite).stdout.fnmatch_lines(["ERROR *test_marker*there is no marker*"])
    run(suite).stdout.fnmatch_lines(["ERROR *test_default*there is no ini*"])
    run(suite, "--regtap-target=file:typed").stdout.fnmatch_lines(["ERROR *test_default*there is no typed*"])


def test_markers_of_module_and_test_are_merged(run: Run) -> None:
    result = run("""
        import pytest
        pytestmark = pytest.mark.registers("ID", target="sim", rate="500")

        @pytest.mark.registers("COUNT32", "STATUS", latency=True)
        def test_it(register_trace):
            assert [register.name for register in register_trace.registers] == ["COUNT32", "STATUS"]
            assert register_trace.capture.options.rate_hz == 500
            assert register_trace.capture.options.latency
            assert register_trace.capture.target.spec == "sim"
    """)
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("rate", "ini", "spool_bytes"),
    [
        ("'1k'", "", None),
        ("1e4", "", None),
        ("'max'", "", 64 << 20),
        ("1e6", "", 64 << 20),
        ("1", "2MiB", 2 << 20),
    ],
)
def test_only_a_fast_capture_has_a_ring_of_fixed_size(
    run: Run, rate: str, ini: str, spool_bytes: int | None
) -> None:
    """The pages of the recorder's own 1 GiB would take longer than most tests."""
    result = run(
        f"""
        import pytest

        @pytest.mark.registers("ID", target="sim", rate={rate})
        def test_it(register_trace):
            assert register_trace.capture.options.spool_bytes == {spool_bytes}
        """,
        f"-oregtap_spool_size={ini}",
    )
    result.assert_outcomes(passed=1)


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


@pytest.mark.parametrize("faulthandler", ["-pfaulthandler", "-pno:faulthandler"])
def test_a_bus_error_is_an_error_at_teardown_and_the_process_lives(
    pytester: pytest.Pytester, faulthandler: str
) -> None:
    pytester.makeconftest(FILE_TARGET)
    pytester.makepyfile("""
        import os, pytest
        pytestmark = pytest.mark.registers("first=0", "second=0x1000")

        def test_cut(register_trace, device):
            os.truncate(device, 4096)
            assert register_trace.capture.wait(30)

        def test_after(register_trace): pass
    """)
    result = pytester.runpytest_subprocess(faulthandler)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_cut*",
            "regtap: bus error: register second at 0x1000 stopped answering*",
            "*- regtap trace (teardown) -*",
        ]
    )
    assert list(kept(pytester)) == [
        "test_a_bus_error_is_an_error_at_teardown_and_the_process_lives.py-test_cut"
    ]


def test_stop_raises_a_bus_error_once(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(FILE_TARGET)
    result = run("""
        import os, pytest, regtap

        @pytest.mark.registers("first=0", "second=0x1000")
        def test_it(register_trace, device):
            os.truncate(device, 4096)
            register_trace.capture.wait(30)
            with pytest.raises(regtap.BusFaultError, match="second at 0x1000"):
                register_trace.stop()
    """)
    result.assert_outcomes(passed=1)
    assert not kept(pytester)


def test_a_full_disk_is_an_error_and_never_leaves_no_spool(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import errno, pytest
        from regtap import writer

        @pytest.fixture(autouse=True)
        def full_disk(monkeypatch):
            def finish(self, metadata):
                self.abandon()
                raise OSError(errno.ENOSPC, "")
            monkeypatch.setattr(writer.PartWriter, "finish", finish)
    """)
    result = run(
        """
        import json, pytest

        @pytest.mark.registers("COUNT32", target="sim", keep="never")
        def test_it(register_trace):
            print(json.loads((register_trace.path / "_spool").read_text())["spool"])
        """,
        "-rA",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.re_match_lines([r"regtap: cannot write to .*: No space left on device$"])
    result.stdout.re_match_lines([r"due \d+ = stored 0 \+ lost 0 \+ unwritten [1-9]\d* \+ missed \d+$"])
    (spool,) = [line for line in result.outlines if line.startswith("/dev/shm/regtap-")][:1]
    assert not Path(spool).exists()


def test_lost_samples_are_a_warning(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SLOW_WRITER)
    result = run(LOSING, "-Wdefault")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*LossWarning: regtap: COUNT32: * of 500,000 samples lost; *"])


def test_lost_samples_are_an_error_where_the_ini_file_says_so(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SLOW_WRITER)
    result = run(LOSING, "-oregtap_lossless=true")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["regtap: COUNT32: * of 500,000 samples lost; *", "*/test_suite.py-test_it", "taken 500,000 = *"]
    )


def test_a_wrong_request_is_one_line(run: Run, pytester: pytest.Pytester) -> None:
    result = run("""
        import pytest

        @pytest.mark.parametrize("number", [
            pytest.param(1, marks=pytest.mark.registers("NOPE", target="sim")),
            pytest.param(2, marks=pytest.mark.registers("ID", target="sim", rat=1)),
            pytest.param(3, marks=pytest.mark.registers(["ID"], target="sim")),
            pytest.param(4, marks=pytest.mark.registers("ID", target="sim", keep="maybe")),
            pytest.param(5, marks=pytest.mark.registers("ID", target="sim", rate="1 parsec")),
            pytest.param(6, marks=pytest.mark.registers(target="sim")),
        ])
        def test_it(register_trace, number): pass
    """)
    result.assert_outcomes(errors=6)
    said = [line for line in result.outlines if line.startswith("regtap: ")]
    parts = [
        "unknown register 'NOPE'",
        "no option 'rat'",
        "no register",
        "keep is 'maybe'",
        "'1 parsec'",
        "name",
    ]
    assert len(said) == 6
    assert all(part in line for part, line in zip(parts, said, strict=True))
    assert "Error" not in result.stdout.str().partition("short test summary")[0].replace("ERROR", "")
    assert not (pytester.path / "regtap-traces").exists()


def test_a_refused_target_is_an_error_unless_the_ini_file_says_skip(run: Run) -> None:
    suite = """
        import pytest

        @pytest.mark.registers("a=0", target="file:/nonexistent")
        def test_it(register_trace): pass
    """
    run(suite).assert_outcomes(errors=1)
    result = run(suite, "-oregtap_unavailable=skip", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*regtap: there is no /nonexistent; *"])


@pytest.mark.parametrize(
    "setting", ["regtap_keep=maybe", "regtap_unavailable=no", "regtap_retention_count=0"]
)
def test_a_wrong_ini_value_ends_the_run_with_one_line(run: Run, setting: str) -> None:
    result = run("def test_it(): pass", f"-o{setting}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    name, _, value = setting.partition("=")
    result.stderr.fnmatch_lines([f"ERROR: {name} is '{value}'; use *"])


def test_the_folder_of_the_command_line_is_relative_to_where_it_was_typed(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]")
    pytester.mkdir("elsewhere")
    suite = """
        import pytest

        @pytest.mark.registers("ID", target="sim")
        def test_it(register_trace): assert False
    """
    pytester.makepyfile(test_suite=suite)
    monkeypatch.chdir(pytester.path / "elsewhere")
    pytester.runpytest_inprocess("..", "--regtap-dir=typed")
    assert list(kept(pytester, "elsewhere/typed")) == ["test_suite.py-test_it"]
    assert (pytester.path / "elsewhere" / "typed" / ".gitignore").read_text() == "*\n"


def test_ctrl_c_keeps_the_trace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_suite="""
        import pytest

        @pytest.mark.registers("COUNT32", target="sim")
        def test_it(register_trace):
            raise KeyboardInterrupt
        """
    )
    assert pytester.runpytest_subprocess().ret == pytest.ExitCode.INTERRUPTED
    assert regtap.open_trace(kept(pytester)["test_suite.py-test_it"]).totals is not None


def test_xdist_workers_share_what_can_be_shared_and_no_device(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_suite="""
        import pytest

        @pytest.mark.parametrize("number", range(3))
        @pytest.mark.registers("COUNT32", target="sim", keep="always")
        def test_sim(register_trace, number): pass

        @pytest.mark.registers("word=0", target="file:/dev/zero")
        def test_device(register_trace): pass

        @pytest.mark.registers("word=0", target="file:/dev/zero")
        @pytest.mark.xdist_group("zero")
        def test_grouped_device(register_trace): pass
        """
    )
    result = pytester.runpytest_subprocess("-n2", "--dist=loadgroup")
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(
        ["regtap: file:/dev/zero is a device, which 2 xdist workers cannot share, *-n0*--dist loadgroup*"]
    )
    assert len(kept(pytester)) == 3
    assert len(list((pytester.path / "regtap-traces").glob("[!.]*"))) == 1


def test_one_xdist_worker_may_record_a_device(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.registers("word=0", target="file:/dev/zero")
        def test_device(register_trace): pass
        """
    )
    pytester.runpytest_subprocess("-n1").assert_outcomes(passed=1)


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    """Every run of pytest on a machine with regtap loads it."""
    code = "import json, sys, regtap.pytest_plugin; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    heavy = {"numpy", "pyarrow", "matplotlib", "click", "regtap._native", "regtap.recorder"}
    assert not heavy & set(json.loads(output))


FLIGHT = """
    import pytest, time

    @pytest.fixture
    def long_teardown(register_trace):
        yield
        while register_trace.capture.status().kept.snapshots < SNAPSHOTS:
            time.sleep(0.001)
        until = filled(register_trace) + 300_000  # laps of the ring
        while filled(register_trace) < until:
            time.sleep(0.001)

    def filled(register_trace):
        status = register_trace.capture.status()
        return status.taken - status.lost

    @pytest.mark.registers("COUNT32", target="sim", rate="max", on_full="overwrite", spool_size="1MiB"OPTIONS)
    def test_it(register_trace, long_teardown):
        assert False
"""


def test_a_flight_recorder_keeps_what_led_to_the_failure(run: Run, pytester: pytest.Pytester) -> None:
    run(FLIGHT.replace("OPTIONS", "").replace("SNAPSHOTS", "1")).assert_outcomes(failed=1)
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
