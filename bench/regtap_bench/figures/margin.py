"""The smallest difference worth a word on this machine: calibrated by full runs, kept for quick ones."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping  # noqa: TC003 - decode() reads the annotations
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from regtap.documents.decoding import Matching, decode
from regtap.documents.json_text import Limits, load_json
from regtap.system.files import replace_file
from regtap_bench.arms.base import TWIN
from regtap_bench.figures.resampling import center, log_ratios
from regtap_bench.figures.result import Margin, MarginShare

if TYPE_CHECKING:
    from regtap_bench.figures.evaluate import Evaluation

DEFAULT = 0.01  # arbitrary, until a full run has found the margin of the machine
_FLOOR = 0.002  # arbitrary: five processes cannot promise less, however quiet they were
_FALSE_PERCENT = 1  # the share of trials of equal arms with a difference beyond the margin
_TRIAL_PROCESSES = 5  # as many as a quick run has, and
_TRIAL_ROUNDS = 25  # of each process: fewer than a quick run has, so that its margin is not too small
_FEWEST_TRIALS = 20  # arbitrary: with fewer, the percentile is little more than the largest
# What has to be the same for a margin to hold.
_KEYS = (
    "machine",
    "kernel",
    "processor",
    "cpus",
    "hypervisor",
    "governor",
    "smt",
    "isolated_cpus",
    "clocksource",
)
_LIMITS = Limits(size_bytes=1 << 16)


@dataclass(frozen=True, slots=True)
class _KeptMargin:
    """The document of a margin.

    Attributes:
        margin: The margin, as a share.
        created_utc: When the run ended that found it, ISO 8601.
        environment: The part of the machine's environment on which it depends.
    """

    margin: MarginShare
    created_utc: Annotated[str, Matching("[0-9TZ.:+-]{1,40}")]
    environment: Mapping[str, Any]


def cached(environment: Mapping[str, Any], path: str) -> Margin:
    """Return the margin of the last full run on a like machine, or DEFAULT."""
    try:
        with open(path, "rb") as file:
            kept = decode(_KeptMargin, load_json(file.read(_LIMITS.size_bytes + 1), _LIMITS))
        if kept.environment == key_of(environment):
            return Margin(kept.margin, f"calibrated here on {kept.created_utc}")
    except (OSError, ValueError):
        pass  # none yet, damaged, or of another version: a full run writes it anew
    return Margin(DEFAULT, "default; a full run (without --quick) calibrates it")


def calibrate(evaluation: Evaluation) -> float | None:
    """Return the smallest margin by which at most 1 % of short A/A trials would be called different.

    It is a share, such as 0.02 for 2 %; verdict.judge() compares with it.

    A trial is the baseline and its twin over a stretch of rounds of five processes. None: too few of them.
    """
    beyond = [
        max(0.0, ratio.low, -ratio.high)
        for measure in evaluation.twins
        for ratio in _trials(evaluation, measure)
    ]
    if len(beyond) < _FEWEST_TRIALS:
        return None
    return max(_FLOOR, float(np.expm1(np.percentile(beyond, 100 - _FALSE_PERCENT))))


def _trials(evaluation: Evaluation, measure: str) -> list[Any]:
    twin, base = evaluation.net_ns(TWIN, measure), evaluation.net_ns(evaluation.baseline, measure)
    assert twin is not None, measure  # noqa: S101 - it has a log-ratio
    assert base is not None, measure  # noqa: S101
    ratios = log_ratios(twin[0], base[0])
    rounds = min(len(process) for process in ratios)
    starts = range(0, rounds - _TRIAL_ROUNDS + 1, _TRIAL_ROUNDS)
    groups = [ratios[at : at + _TRIAL_PROCESSES] for at in range(0, len(ratios), _TRIAL_PROCESSES)]
    return [
        center([process[at : at + _TRIAL_ROUNDS] for process in group])
        for group in groups
        if len(group) == _TRIAL_PROCESSES
        for at in starts
    ]


def keep(margin: float, environment: Mapping[str, Any], created_utc: str, path: str) -> None:
    """Keep a margin for later runs.

    Raises:
        OSError: As the kernel said.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    kept = _KeptMargin(margin, created_utc, key_of(environment))
    replace_file(path, json.dumps(asdict(kept), indent=1).encode())


def key_of(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an environment on which a margin depends."""
    return {name: environment.get(name) for name in _KEYS}


def cache_path() -> str:
    """Return the path of this user's margin."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(root, "regtap", "bench-margin.json")
