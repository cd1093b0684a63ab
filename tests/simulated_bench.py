"""A machine that only exists as arithmetic: arms of known cost on a clock that drifts, steps and stutters.

Blocks run through the real interleaving loop, and the real estimates are made from them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from regtap.registers.model import Register
from regtap_bench.arms.base import (
    DELAY,
    EMPTY,
    LATENCY,
    PYTHON_EMPTY,
    THROUGHPUT,
    TIMER,
    TWIN,
    AccessArm,
    BlockRunner,
    Reading,
)
from regtap_bench.arms.bulk_arms import bulk_arms
from regtap_bench.arms.catalogue import catalogue, twin_of
from regtap_bench.figures.controls import check_controls
from regtap_bench.figures.estimate import Estimate
from regtap_bench.figures.evaluate import Evaluation
from regtap_bench.figures.result import Cost, Margin, Result
from regtap_bench.measuring.blocks import Blocks, Process
from regtap_bench.measuring.job import Series
from regtap_bench.measuring.probe import Probe
from regtap_bench.measuring.rounds import run_rounds

REGISTER = Register("COUNT32", 8)
NS_PER_TICK = 0.4
OVERHEAD_NS = 45.0  # of each block: call and timer
BLOCK_NS = 50_000.0
# What an access costs on the quiet machine, the loop included.
COSTS_NS: Mapping[tuple[str, str], float] = {
    (EMPTY, THROUGHPUT): 0.02,
    (EMPTY, LATENCY): 4.6,
    (TIMER, THROUGHPUT): 25.0,
    (DELAY, THROUGHPUT): 2036.0,
    (PYTHON_EMPTY, THROUGHPUT): 2.5,
    ("pread", THROUGHPUT): 440.0,
    ("pread", LATENCY): 446.0,
    (TWIN, THROUGHPUT): 440.0,
    (TWIN, LATENCY): 446.0,
    ("mmap load", THROUGHPUT): 0.1,
    ("mmap load", LATENCY): 5.7,
    ("lseek+read", THROUGHPUT): 612.0,
    ("lseek+read", LATENCY): 618.0,
    ("python: memoryview", THROUGHPUT): 25.0,
}

# Turns the time that a block would take into what it takes: (ns, time of the machine in ns, luck) -> ns.
Trouble = Callable[[float, float, random.Random], float]


def quiet(ns: float, _now: float, luck: random.Random) -> float:
    return ns * luck.gauss(1, 0.002)


def drift(ns: float, now: float, luck: random.Random) -> float:
    return quiet(ns, now, luck) * (1 + now / 1e9)


def steps(ns: float, now: float, luck: random.Random) -> float:
    return quiet(ns, now, luck) * (1.0, 1.3, 0.9)[int(now / 7e7) % 3]


def bimodal(ns: float, now: float, luck: random.Random) -> float:
    return quiet(ns, now, luck) * (1.15 if luck.random() < 0.4 else 1.0)


def heavy_tail(ns: float, now: float, luck: random.Random) -> float:
    return quiet(ns, now, luck) + (20_000 * luck.paretovariate(1.1) if luck.random() < 0.2 else 0.0)


def autocorrelated(ns: float, now: float, luck: random.Random) -> float:
    return quiet(ns, now, luck) * (1 + 0.1 * math.sin(now / 3e6))


TROUBLES = (quiet, drift, steps, bimodal, heavy_tail, autocorrelated)


@dataclass
class Machine:
    """Arms of known cost.

    Attributes:
        costs_ns: By arm and measure.
        trouble: What happens to a block.
        seed: Of its luck.
        delay_truth_ns: What another clock says of the known delay.
    """

    costs_ns: Mapping[tuple[str, str], float] = field(default_factory=lambda: dict(COSTS_NS))
    trouble: Trouble = quiet
    seed: int = 0
    delay_truth_ns: float = 2036.0

    def run(self, *, rounds: int = 150, processes: int = 5, order_seed: int = 0) -> Blocks:
        """Run every arm; returns what was timed."""
        series = tuple(Series(arm, measure, self._counts(ns)) for (arm, measure), ns in self.costs_ns.items())
        counts = [item.counts for item in series]
        made = []
        for number in range(processes):
            luck, clock = random.Random(f"{self.seed}/{number}"), [0.0]
            blocks = [self._block(ns, luck, clock) for ns in self.costs_ns.values()]
            raw = run_rounds(blocks, counts, rounds, f"{order_seed}/{number}")
            header = {"ns_per_tick": NS_PER_TICK, "delay_truth_ns": [self.delay_truth_ns] * 3}
            made.append(Process.from_payload(raw.to_bytes(), (len(series), 3), header))
        return Blocks(series, tuple(made))

    def _counts(self, ns: float) -> tuple[int, int, int]:
        least = max(2, round(BLOCK_NS / ns / 16))
        return 16 * least, 24 * least, 32 * least

    def _block(self, ns: float, luck: random.Random, clock: list[float]) -> BlockRunner:
        def block(count: int) -> Reading:
            took = self.trouble(OVERHEAD_NS + ns * count, clock[0], luck)
            clock[0] += took
            return round(took / NS_PER_TICK), 0, 0, 0

        return block


def with_cost(arm: str, ns: float, measure: str = THROUGHPUT) -> dict[tuple[str, str], float]:
    """Return the costs with one of them changed."""
    return {**COSTS_NS, (arm, measure): ns}


def evaluation_of(blocks: Blocks, *, baseline: str = "pread") -> Evaluation:
    """Return the figures of what a machine has run."""
    known: dict[str, AccessArm] = catalogue(REGISTER, is_device=False, quick=True, writes=False)
    timed = {item.arm for item in blocks.series}
    arms = {TWIN: twin_of(baseline), **known}
    arms = {name: arm for name, arm in arms.items() if name in timed}
    probes = {name: Probe(system_calls=arm.system_calls) for name, arm in arms.items()}
    return Evaluation(blocks, arms, probes, baseline)


NOTHING_MEASURED = Result(
    created_utc="2026-01-02T03:04:05+00:00",
    command="regtap bench -t sim --quick --seed 1 COUNT32=0x8:u32",
    target="sim",
    is_device=False,
    register={"name": "COUNT32", "address": 8, "type": "u32"},
    write_register=None,
    mode="quick",
    seed=1,
    processes=5,
    baseline="pread",
    margin=Margin(0.01, "default"),
    checks=(),
    rows=(),
    findings=(),
    environment={"hostname": "host", "processor": "CPU", "kernel": "6.1"},
    load={"steal_percent": 0.0},
    workers=(),
)


def result_of(evaluation: Evaluation, *, margin: float = 0.01) -> Result:
    """Return what a quick run that measured this would say."""
    return replace(
        NOTHING_MEASURED,
        processes=len(evaluation.blocks.processes),
        baseline=evaluation.baseline,
        margin=Margin(margin, "default"),
        checks=check_controls(evaluation, margin),
        rows=evaluation.rows(margin),
    )


def scaled(
    result: Result, arm: str, factors: Sequence[float], *, measures: Sequence[str] = (THROUGHPUT, LATENCY)
) -> Result:
    """Return a run whose processes, one by one, found an arm so many times as dear."""
    middle = float(np.median(factors))

    def cost(found: Cost) -> Cost:
        stretches = [
            tuple(ns * factor for ns in process)
            for process, factor in zip(found.stretches_ns, factors, strict=True)
        ]
        ns = Estimate(*(part * middle for part in (found.ns.value, found.ns.low, found.ns.high)))
        return replace(found, ns=ns, stretches_ns=tuple(stretches))

    rows = [
        replace(
            row,
            costs={
                name: cost(found) if name in measures else found for name, found in (row.costs or {}).items()
            },
        )
        if row.arm == arm
        else row
        for row in result.rows
    ]
    return replace(result, rows=tuple(rows))


def bulk_evaluation(
    cost_ns: Callable[[str, int], float], sizes: Sequence[int], trouble: Trouble = quiet
) -> Evaluation:
    """Return the figures of reads of many bytes; what is not among the sizes is refused.

    Args:
        cost_ns: By way and size.
        sizes: Which ones the target has.
        trouble: What happens to a block.
    """
    arms = {arm.name: arm for arm in bulk_arms(REGISTER)}
    named = {(arm.way, arm.size_bytes): name for name, arm in arms.items()}
    costs = {(name, THROUGHPUT): cost_ns(way, size) for (way, size), name in named.items() if size in sizes}
    probes = {
        name: Probe(system_calls=arm.system_calls) if (name, THROUGHPUT) in costs else Probe("does not fit")
        for name, arm in arms.items()
    }
    blocks = Machine(costs, trouble).run(rounds=60) if costs else Blocks((), ())
    return Evaluation(blocks, arms, probes, "pread")


def with_series_in_order(blocks: Blocks, order: Sequence[int]) -> Blocks:
    """Return the same blocks with their series in another order."""
    at = np.array(order)
    moved = [
        replace(
            process,
            ticks=process.ticks[:, at],
            position=process.position[:, at],
            switches=process.switches[:, at],
            faults=process.faults[:, at],
            moves=process.moves[:, at],
        )
        for process in blocks.processes
    ]
    return Blocks(tuple(blocks.series[k] for k in order), tuple(moved))
