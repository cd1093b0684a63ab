"""Where the fixture register_trace takes its options from, and what it says of wrong ones."""

from __future__ import annotations

import pytest
from tests.integration.pytest_plugin.conftest import Run, kept

pytest_plugins = ["pytester"]


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


def test_maps_come_from_the_ini_file_or_from_the_marker(run: Run, pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("f").write_bytes(bytes(64))
    pytester.path.joinpath("ini.toml").write_text("registers.A.address = 8")
    pytester.path.joinpath("marker.toml").write_text("registers.A.address = 16")
    pytester.makeini("[pytest]\nregtap_map = ini.toml\nregtap_target = file:f")

    result = run("""
        import pytest

        @pytest.mark.registers("A")
        def test_ini(register_trace): assert register_trace.registers[0].address == 8

        @pytest.mark.registers("A", maps="marker.toml")
        def test_marker(register_trace): assert register_trace.registers[0].address == 16
    """)

    result.assert_outcomes(passed=2)


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


def test_a_refused_target_is_an_error_or_by_the_ini_file_a_skip(run: Run) -> None:
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


def test_a_relative_folder_begins_at_the_folder_of_the_call(
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


@pytest.mark.parametrize("line", ["regtap_retention_count = 2", "regtap_rate = 2000", "regtap_registers = 5"])
def test_a_number_in_pytest_toml_is_one_error(pytester: pytest.Pytester, line: str) -> None:
    pytester.makefile(".toml", pytest=f"[pytest]\n{line}\n")
    pytester.makepyfile("def test_a(register_trace): pass\ndef test_b(register_trace): pass")

    result = pytester.runpytest_subprocess()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (said,) = [text for text in result.errlines if text.startswith("ERROR: ")]
    name, _, value = line.partition(" = ")
    assert f"'{name}' expects" in said
    assert said.endswith(f"got int: {value}; write it in quotes")
    assert "Traceback" not in result.stderr.str()
