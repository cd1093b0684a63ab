"""The fixture register_benchmark, as test suites use it: each test here runs pytest on a small suite."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import LEAN

import regtap_bench.access_cost  # noqa: F401 - a run within this process forgets its imports; numpy is loaded once

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

README = Path(__file__).parents[2] / "bench" / "README.md"
# Its tests also write down what the fixture returned, for comparison.
SUITE = """
import json
import pytest

def keep(name, cost):
    document = {"samples": (cost.samples_ns * 1e-9).tolist(), "ns": [cost.ns.value, cost.ns.low, cost.ns.high]}
    with open(f"{name}.kept", "w") as file:
        json.dump({**document, "margin": cost.result.margin.value, "seed": cost.result.seed}, file)

@pytest.mark.benchmark(group="registers")
def test_pread(register_benchmark):
    cost = register_benchmark("STATUS", "pread", target="sim", duration="0.5s")
    keep("pread", cost)
    assert cost.ratio is None
    assert not cost.is_bound
    assert cost.system_calls == 1

def test_mapping(register_benchmark):
    cost = register_benchmark("STATUS", "mmap load", against="pread", target="sim", duration="0.5s")
    keep("mapping", cost)
    assert cost.ratio.high < 0.5
    assert (cost.verdict, cost.is_bound, cost.system_calls) == ("faster", True, 0)
"""
CONTROLS = "from regtap_bench.figures import controls\ncontrols.DELAY_TOLERANCE = {}"
# Whether this machine is quiet enough to measure on is not what is tried here.
ANY_DELAY = CONTROLS.format(100)
# As few processes as give an interval: each costs its start.
FEW_PROCESSES = "\nfrom regtap_bench.measuring import engine\nengine._PROCESSES = 2, 2"
ONE = """
def test_it(register_benchmark):
    register_benchmark("STATUS", {arguments} duration="0.5s")

def test_other():
    pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs pytest on a suite, in a process of its own, and returns its result."""
    monkeypatch.setenv("PYTEST_ADDOPTS", LEAN)
    pytester.makeconftest(ANY_DELAY + FEW_PROCESSES)

    def run(suite: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_suite=suite)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-markers", *arguments)

    return run


@pytest.fixture
def run_here(pytester: pytest.Pytester) -> Run:
    """Return a function that runs pytest in this process, on a suite that gets no figures."""

    def run(suite: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_suite=suite)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", *arguments)

    return run


@dataclass(frozen=True)
class Measured:
    """A suite that was measured, and then compared with itself."""

    folder: Path
    document: dict[str, Any]
    compared: str

    def benchmark(self, name: str) -> dict[str, Any]:
        return next(it for it in self.document["benchmarks"] if it["name"] == f"test_{name}")

    def kept(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{name}.kept").read_text())
        return found


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "conftest.py").write_text(ANY_DELAY)
    saving = _pytest(
        folder, "--benchmark-json=saved.json", "--benchmark-histogram=drawn", "--benchmark-save=it"
    )
    kept = {path.name: path.read_bytes() for path in folder.glob("*.kept")}
    compared = _pytest(folder, "-k", "pread", "--benchmark-compare")
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    document = json.loads((folder / "saved.json").read_text())
    assert "2 passed" in saving
    return Measured(folder, document, compared)


def _pytest(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["pread", "mapping"])
def test_every_block_arrives_bit_exactly(measured: Measured, name: str) -> None:
    data = measured.benchmark(name)["stats"]["data"]
    assert data == measured.kept(name)["samples"]
    assert len(data) >= 5 * 3  # processes, blocks of a round; on a busy machine rounds may be few


def test_the_table_has_the_median_that_the_figures_have(measured: Measured) -> None:
    middle_ns = measured.benchmark("pread")["stats"]["median"] * 1e9

    value, low, high = measured.kept("pread")["ns"]
    assert middle_ns == pytest.approx(value, rel=0.1)
    assert low <= value <= high


def test_extra_info_says_what_was_measured_and_how_well(measured: Measured) -> None:
    facts, kept = measured.benchmark("mapping")["extra_info"], measured.kept("mapping")

    assert (facts["arm"], facts["against"], facts["target"]) == ("mmap load", "pread", "sim")
    assert facts["register"] == {"name": "STATUS", "address": 0x20, "type": "u32"}
    assert (facts["ns"], facts["margin"], facts["seed"]) == (kept["ns"], kept["margin"], kept["seed"])
    assert (facts["system_calls"], facts["processes"], facts["verdict"]) == (0, 5, "faster")


def test_machine_info_has_the_environment(measured: Measured) -> None:
    assert (
        measured.document["machine_info"]["regtap"]["kernel"] == measured.document["machine_info"]["release"]
    )


def test_a_mark_of_the_users_own_keeps_its_options(measured: Measured) -> None:
    assert measured.benchmark("pread")["group"] == "registers"


def test_runs_on_one_machine_can_be_compared_and_drawn(measured: Measured) -> None:
    assert "test_pread (NOW)" in measured.compared
    assert "test_pread (0001_it)" in measured.compared
    assert "machine_info is different" not in measured.compared
    assert (measured.folder / "drawn-registers.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("option", ["--benchmark-disable", "--benchmark-skip", "-n1"])
def test_a_run_without_benchmarks_skips_and_measures_nothing(run_here: Run, option: str) -> None:
    suite = ONE.format(arguments='target="file:no-such-file",')
    run_here(suite, option).assert_outcomes(passed=1, skipped=1)


def test_a_run_of_benchmarks_only_has_it(run: Run) -> None:
    run(ONE.format(arguments='target="sim",'), "--benchmark-only").assert_outcomes(passed=1, skipped=1)


def test_what_cannot_be_measured_is_one_line_each(run_here: Run) -> None:
    wrong = {
        '"no such arm", target="sim"': "no arm of this target is called 'no such arm'; it has mmap load,*",
        '"mmap store", target="sim"': "no arm of this target is called 'mmap store'; it has mmap load,*",
        'against="lseek+read", target="sim"': "against is 'lseek+read'; use 'pread' or 'mmap load'",
        'target="sim", duration="1h"': "duration '1h' is not between 0.5 s and 10 s",
        'target="file:no-such-file"': "*no-such-file*",
        '"lseek+read", target="file:/dev/zero"': "file:/dev/zero has no way to STATUS by lseek+read: *",
    }
    calls = [f'register_benchmark("STATUS=0x20", {arguments})' for arguments in wrong]
    tests = [f"def test_{k}(register_benchmark):\n    {call}" for k, call in enumerate(calls)]
    result = run_here("\n".join(tests), "--tb=short")
    result.assert_outcomes(failed=len(wrong))
    result.stdout.fnmatch_lines([f"regtap: {says}" for says in wrong.values()])
    result.stdout.no_fnmatch_line("*PytestBenchmarkWarning*")

    result.stdout.no_fnmatch_line("*Error: *")


def test_a_refused_target_skips_where_the_suite_wants_that(run_here: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nregtap_unavailable = skip\nregtap_target = file:no-such-file")
    result = run_here(ONE.format(arguments="").replace("STATUS", "0x20"))
    result.assert_outcomes(passed=1, skipped=1)


def test_without_pytest_benchmark_it_says_so_in_one_line(run_here: Run) -> None:
    result = run_here(ONE.format(arguments='target="sim",'), "-p", "no:benchmark", "--tb=short")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["regtap: register_benchmark needs pytest-benchmark; install it (*)"])


def test_controls_that_are_off_are_an_error(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONTROLS.format(-1) + FEW_PROCESSES)
    result = run(ONE.format(arguments='target="sim",'), "--benchmark-json=saved.json")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["regtap: INVALID, the controls are off, * (*known delay: *"])

    saved = pytester.path / "saved.json"

    assert not saved.exists() or not json.loads(saved.read_text())["benchmarks"]


def test_a_test_measures_once(run: Run) -> None:
    result = run("""
        def test_it(register_benchmark):
            register_benchmark("STATUS", target="sim", duration="0.5s")
            register_benchmark("STATUS", target="sim", duration="0.5s")
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["regtap: a test measures once; *"])


def test_the_plugin_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'pytest_benchmark', 'regtap_bench._native', 'regtap._native'}"
    code = f"import regtap_bench.pytest_plugin, sys; print({heavy} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_the_example_of_the_readme_runs_as_printed(run: Run) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (example,) = (block for block in blocks if "register_benchmark" in block)
    run(example).assert_outcomes(passed=example.count("def test_") + example.count('"pread"]'))
