"""The checks of the instrument by control arms: after one failed check, the run is INVALID."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regtap_bench.arms.base import DELAY, EMPTY, THROUGHPUT, TIMER
from regtap_bench.figures.resampling import middle
from regtap_bench.figures.result import Check
from regtap_bench.figures.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtap_bench.figures.estimate import Estimate
    from regtap_bench.figures.evaluate import Evaluation
    from regtap_bench.measuring.agreement import Agreement

DELAY_TOLERANCE = 0.01  # arbitrary
_MOST_OFF = 0.02  # however noisy the machine: a margin comes from the twin too, and would excuse any
_TIMER_NS = (1.0, 1000.0)  # the possible costs of reading a clock: an instruction, or a slow system call
_EMPTY_NS = (-0.05, 2.0)  # unrolled: a cycle or two for 16 of them, on any machine that runs this


def check_controls(evaluation: Evaluation, margin: float) -> tuple[Check, ...]:
    """Return the checks by the control arms.

    Args:
        evaluation: Figures of the run.
        margin: The share by which identical code may differ.
    """
    return (
        *_check_twins(evaluation, margin),
        _check_delay(evaluation),
        _check_range(evaluation, EMPTY, _EMPTY_NS),
        _check_range(evaluation, TIMER, _TIMER_NS),
        _check_system_calls(evaluation),
    )


def check_agreement(agreement: Agreement | None) -> tuple[Check, ...]:
    """Return the check that mmap and pread reach the same register; empty for a target without both."""
    if agreement is None:
        return ()
    by_mmap, by_pread = _seen(agreement.mapped), _seen(agreement.called)
    reads = f"{len(agreement.mapped)} reads each, in mixed order"
    if agreement.disagree:
        says = f"{by_mmap} by mmap and {by_pread} by pread ({reads}): they do not reach the same register"
    elif len({*agreement.mapped, *agreement.called}) == 1:
        says = f"mmap and pread agree: {by_mmap} ({reads})"
    else:
        says = f"it moves, and nothing tells mmap from pread ({reads})"
    return (Check("same register", not agreement.disagree, says),)


def check_processes(planned: int, finished: int) -> tuple[Check, ...]:
    """Return a failed check of a run that was interrupted; nothing where all processes have measured."""
    if finished >= planned:
        return ()
    says = f"interrupted after {finished} of {planned} processes; measure again for figures to rely on"
    return (Check("all processes", False, says),)


def _seen(values: tuple[int, ...]) -> str:
    different = set(values)
    return f"always {values[0]:#x}" if len(different) == 1 else f"{len(different)} values"


def _check_twins(evaluation: Evaluation, margin: float) -> Iterable[Check]:
    margin = min(margin, _MOST_OFF)
    for measure, ratio in evaluation.twins.items():
        verdict = judge(ratio, float(np.log1p(margin)))
        passed = verdict not in (Verdict.FASTER, Verdict.SLOWER)
        says = f"{evaluation.baseline} against itself: {_percent(ratio)}, margin {100 * margin:.2g} %"
        yield Check(f"A/A twin ({measure})", passed, says)


def _check_delay(evaluation: Evaluation) -> Check:
    found = evaluation.net_ns(DELAY, THROUGHPUT)
    assert found is not None  # noqa: S101 - every run has it
    measured = middle(found[0])
    truth = middle([it.delay_truth_ns for it in evaluation.blocks.processes])
    off = measured / truth - 1
    repeats = f"{measured:.1f} ns measured, {truth:.1f} ns by CLOCK_MONOTONIC_RAW ({100 * off:+.2f} %)"
    return Check(DELAY, abs(off) <= DELAY_TOLERANCE, repeats)


def _check_range(evaluation: Evaluation, arm: str, limits: tuple[float, float]) -> Check:
    found = evaluation.net_ns(arm, THROUGHPUT)
    assert found is not None  # noqa: S101 - every run has it
    ns = middle(found[0])
    return Check(
        arm, limits[0] <= ns <= limits[1], f"{ns:.3g} ns, to lie within {limits[0]:g} to {limits[1]:g} ns"
    )


def _check_system_calls(evaluation: Evaluation) -> Check:
    wrong = [
        f"{name} made {probe.system_calls:g}, not {evaluation.arms[name].system_calls}"
        for name, probe in evaluation.probes.items()
        if _calls_more_or_less(probe.system_calls, evaluation.arms[name].system_calls)
    ]
    counted = [name for name, probe in evaluation.probes.items() if probe.system_calls is not None]
    text = "; ".join(wrong) or f"{len(counted)} of {len(evaluation.probes)} arms counted, all as they say"
    return Check("system calls", not wrong, text)


def _calls_more_or_less(counted: float | None, said: float | None) -> bool:
    """Return whether an access makes another number of calls; a call now and then is none of an access."""
    if counted is None or said is None:
        return False
    return abs(counted - said) >= (said / 2 if 0 < said < 1 else 0.5)


def _percent(ratio: Estimate) -> str:
    value, low, high = (100 * float(np.expm1(part)) for part in (ratio.value, ratio.low, ratio.high))
    return f"{value:+.3f} % [{low:+.3f}, {high:+.3f}]"
