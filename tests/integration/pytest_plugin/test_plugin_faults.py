"""What a suite sees when a device, the disk or the writer fails while the fixture register_trace records."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.pytest_plugin.conftest import Run, kept

import regtap

pytest_plugins = ["pytester"]

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
from regtap.parts.file import PartFile

@pytest.fixture(autouse=True)
def slow_writer(monkeypatch):
    original = PartFile.write
    def write(self, *rows):
        time.sleep(0.05)
        original(self, *rows)
    monkeypatch.setattr(PartFile, "write", write)
"""
LOSING = """
    import pytest

    @pytest.mark.registers(
        "COUNT32", target="sim", rate="max", on_full="discard", samples="500k", spool_size="512KiB")
    def test_it(register_trace):
        assert register_trace.capture.wait(30)
"""


@pytest.mark.parametrize("faulthandler", ["-pfaulthandler", "-pno:faulthandler"])
def test_a_bus_error_fails_at_teardown_and_the_process_lives(
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
    assert list(kept(pytester)) == ["test_a_bus_error_fails_at_teardown_and_the_process_lives.py-test_cut"]


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
        from regtap.parts.file import PartFile

        @pytest.fixture(autouse=True)
        def full_disk(monkeypatch):
            def finish(self, metadata):
                self.abandon()
                raise OSError(errno.ENOSPC, "")
            monkeypatch.setattr(PartFile, "finish", finish)
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
    result.stdout.re_match_lines([r"due \d+ = stored 0 \+ lost 0 \+ missed \d+ \+ [1-9]\d* unwritten$"])
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
