"""pytest plugin: the fixture `register_benchmark` measures the cost of an access, for pytest-benchmark's table.

    def test_status_costs_less_than_a_microsecond(register_benchmark):
        cost = register_benchmark("STATUS=0x10", "mmap load", target="uio:0")
        assert cost.ns.high < 1000

Measuring is regtap's; every block arrives, exactly, as a round of pytest-benchmark.
Every run of pytest loads this module, so it imports no numpy, no native core, and no pytest-benchmark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regtap_bench.replay import give_up, replay, replay_timer

if TYPE_CHECKING:
    from regtap_bench.access_cost import AccessCost

_FIXTURE, _BENCHMARK = "register_benchmark", "benchmark"
_MISSING = "register_benchmark needs pytest-benchmark; install it (pip install pytest-benchmark)"


class RegisterBenchmark:
    """Measures one register in one test; see register_benchmark."""

    def __init__(self, benchmark: Any, target: str, *, skip_refused: bool) -> None:
        self._benchmark = benchmark
        self._target = target
        self._skip_refused = skip_refused
        self._used = False

    def __call__(
        self,
        register: str,
        arm: str = "mmap load",
        *,
        against: str | None = None,
        target: str | None = None,
        duration: str = "1s",
    ) -> AccessCost:
        """Measure the cost of an access to a register, once a test.

        Args:
            register: As `regtap read` takes it.
            arm: As the reports of `regtap bench` call it; none that writes.
            against: The arm to compare it with, interleaved: `mmap load` or `pread`.
            target: As `regtap read -t` takes it; None: what the fixture regtap_target says.
            duration: Duration of measuring, over five fresh processes; starting them takes about as long again.

        Returns:
            The figures, to assert on. What keeps them from being believed is an error of the test.
        """
        __tracebackhide__ = True
        self._check()
        reason: Exception | None = None
        try:
            cost = self._measure(register, arm, against=against, target=target, duration=duration)
        except _regtap_error() as error:
            reason = error
        if reason is not None:  # out of the handler, so that the report shows this line only
            self._give_up(reason)
        replay(self._benchmark, (cost.samples_ns * 1e-9).tolist(), **cost.facts())
        return cost

    def _check(self) -> None:
        if self._benchmark.disabled:
            pytest.skip("regtap: benchmarks are disabled (--benchmark-disable, or pytest-xdist)")
        if self._used:
            raise _failure("a test measures once; give the second arm as against=, or parametrize the test")
        self._used = True

    def _measure(self, register: str, arm: str, *, target: str | None, **options: Any) -> AccessCost:
        from regtap.errors import FaultError
        from regtap_bench.access_cost import measure_access_cost

        cost = measure_access_cost(register, arm, target=target or self._target, **options)
        if not cost.result.valid:
            failed = "; ".join(f"{it.name}: {it.text}" for it in cost.result.checks if not it.passed)
            raise FaultError(f"INVALID, the controls are off, so no figure may be used ({failed})")
        return cost

    def _give_up(self, reason: Exception) -> None:
        from regtap.errors import RefusedError

        __tracebackhide__ = True
        if self._skip_refused and isinstance(reason, RefusedError):
            pytest.skip(f"regtap: {reason}")
        give_up(self._benchmark, reason)
        raise _failure(str(reason))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test as a benchmark for pytest-benchmark, with its timer."""
    names: list[str] = getattr(item, "fixturenames", [])
    if _FIXTURE not in names or not _has_pytest_benchmark(item.config):
        return
    if _BENCHMARK not in names:
        names.append(_BENCHMARK)  # what --benchmark-only and --benchmark-skip go by
    marker = item.get_closest_marker(_BENCHMARK)
    options = {} if marker is None else marker.kwargs
    item.add_marker(pytest.mark.benchmark(**{**options, "timer": replay_timer}), append=False)


@pytest.hookimpl(optionalhook=True)  # pytest-benchmark's
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Add the settings of the machine; they are the same in all runs on one machine, so that runs can be compared."""
    from regtap_bench.environment import describe_environment

    machine_info["regtap"] = describe_environment()


@pytest.fixture
def register_benchmark(request: pytest.FixtureRequest, regtap_target: str) -> RegisterBenchmark:
    """Measure the cost of an access to a register; pytest-benchmark gets every block as a round."""
    if not _has_pytest_benchmark(request.config):
        raise _failure(_MISSING)
    skip_refused = request.config.getini("regtap_unavailable") == "skip"
    return RegisterBenchmark(request.getfixturevalue(_BENCHMARK), regtap_target, skip_refused=skip_refused)


def _has_pytest_benchmark(config: pytest.Config) -> bool:
    return config.getoption("benchmark_disable", default=None) is not None


def _regtap_error() -> type[Exception]:
    from regtap.errors import RegtapError

    return RegtapError


def _failure(text: str) -> BaseException:
    return pytest.fail.Exception(f"regtap: {text}", pytrace=False)
