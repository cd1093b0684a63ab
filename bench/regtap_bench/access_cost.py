"""The cost of one or two arms, measured in about a second: for the assertions of test suites."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.errors import InputError
from regtap.targets import parse_target
from regtap.units.parse import parse_duration_ns
from regtap_bench.arms.base import THROUGHPUT
from regtap_bench.arms.catalogue import BASELINES, LOAD
from regtap_bench.measuring.engine import Effort
from regtap_bench.measuring.job import Subject, default_cpu
from regtap_bench.session import Session, Setting, measure

if TYPE_CHECKING:
    import numpy.typing as npt

    from regtap_bench.figures.estimate import Estimate
    from regtap_bench.figures.result import Cost, Result, Row

_LEAST_S, _MOST_S = 0.5, 10.0  # every block becomes a round of pytest-benchmark


@dataclass(frozen=True, slots=True)
class AccessCost:
    """The cost of an access to a register by one arm.

    Attributes:
        result: Everything that the run found: `valid`, margin, environment, seed, controls.
        row: The arm's row in it.
        against: The arm that it was to be compared with, if any.
        samples_ns: The cost by each block, call, timer and loop taken off, shape (blocks,); process by process.
    """

    result: Result
    row: Row
    against: str | None
    samples_ns: npt.NDArray[np.float64]

    @property
    def ns(self) -> Estimate:
        """The cost of an access, back to back, with its 95 % interval."""
        return self._cost.ns

    @property
    def is_bound(self) -> bool:
        """Whether the cost is only an upper bound, `ns.high` (for costs below 10 ns)."""
        return self._cost.is_bound

    @property
    def ratio(self) -> Estimate | None:
        """The cost divided by the cost of `against`, paired; an upper bound if `is_bound`.

        None without `against`, and if the cost of `against` is itself only a bound: name the cheaper arm first.
        """
        return None if self.against is None else self.row.ratio

    @property
    def verdict(self) -> str:
        """The verdict beside `against`: `faster`, `slower`, `equivalent` or `unresolved`; empty without `against`."""
        return "" if self.against is None else self.row.verdict

    @property
    def system_calls(self) -> float | None:
        """The counted system calls of an access, or None if counting failed."""
        return self.row.system_calls

    def facts(self) -> dict[str, Any]:
        """Return the facts to keep beside the samples, for JSON."""
        ratio = self.ratio
        return {
            "arm": self.row.arm,
            "against": self.against,
            "target": self.result.target,
            "register": dict(self.result.register),
            "ns": [self.ns.value, self.ns.low, self.ns.high],
            "is_bound": self.is_bound,
            "ratio": None if ratio is None else [ratio.value, ratio.low, ratio.high],
            "verdict": self.verdict,
            "margin": self.result.margin.value,
            "system_calls": self.system_calls,
            "processes": self.result.processes,
            "seed": self.result.seed,
        }

    @property
    def _cost(self) -> Cost:
        cost = self.row.cost(THROUGHPUT)
        assert cost is not None, self.row.arm  # noqa: S101 - a refused arm is an error before
        return cost


def measure_access_cost(
    register: str, arm: str = LOAD, *, against: str | None = None, target: str = "mem", duration: str = "1s"
) -> AccessCost:
    """Measure one arm, or two of them interleaved, with the controls of `regtap bench`.

    Args:
        register: As `regtap read` takes it.
        arm: As the reports of `regtap bench` call it; none that writes.
        against: The arm to compare it with: `mmap load` or `pread`.
        target: As `regtap read -t` takes it.
        duration: Duration of measuring, over five fresh processes; starting them takes as long again.

    Raises:
        InputError: There is no such arm, register or target.
        RefusedError: The system does not let the target be reached, or not by this arm.
        FaultError: A process failed while measuring.
    """
    opened = parse_target(target)
    (found,) = opened.resolve([register])
    only = _arms(arm, against)
    subject = Subject(opened.spec, found, write=None, quick=True, cpu=default_cpu(), only=only)
    subject.arms(is_device=opened.is_device)  # are there such arms?
    effort = Effort.of_run(_seconds(duration), secrets.randbelow(2**32))
    session = measure(subject, effort, Setting(opened.is_device, command="", tell=lambda _: None))
    row = session.result.row(arm)
    assert row is not None, arm  # noqa: S101 - it was asked for, and not refused
    return AccessCost(session.result, row, against, _samples_ns(session, row))


def _arms(arm: str, against: str | None) -> tuple[str, ...]:
    """Return the arms to measure; the last one is the baseline, of which there has to be a twin."""
    if against is None:
        return (arm,) if arm in BASELINES else (arm, LOAD)
    if against not in BASELINES:
        raise InputError(f"against is {against!r}; use {' or '.join(map(repr, BASELINES))}")
    if against == arm:
        raise InputError(f"{arm!r} against itself says nothing; name another arm")
    return arm, against


def _seconds(text: str) -> float:
    seconds = parse_duration_ns(text) / 1e9
    if not _LEAST_S <= seconds <= _MOST_S:
        raise InputError(f"duration {text!r} is not between {_LEAST_S:g} s and {_MOST_S:g} s")
    return seconds


def _samples_ns(session: Session, row: Row) -> npt.NDArray[np.float64]:
    at, cost = session.blocks.index(row.arm, THROUGHPUT), row.cost(THROUGHPUT)
    assert at is not None, row.arm  # noqa: S101 - it was measured
    assert cost is not None, row.arm  # noqa: S101
    samples: npt.NDArray[np.float64] = np.concatenate([it.ravel() for it in session.blocks.costs_ns(at)])
    return samples - cost.loop_ns
