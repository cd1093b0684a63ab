"""The job of a worker process, as JSON on its standard input."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.registers.model import Register

if TYPE_CHECKING:
    from regtap_bench.arms.base import AccessArm


@dataclass(frozen=True, slots=True)
class Series:
    """One arm in one measure, and the numbers of accesses in its blocks of a round.

    Attributes:
        arm: Its name.
        measure: `throughput` or `latency`.
        counts: Accesses in each block of a round, increasing.
    """

    arm: str
    measure: str
    counts: tuple[int, int, int]

    @property
    def name(self) -> str:
        """How raw values are labelled."""
        return f"{self.arm} ({self.measure})"


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a run: target, registers, and the choice of arms.

    Attributes:
        target: As `regtap read -t` takes it.
        register: The register that is read.
        write: The register that may be written, or None.
        quick: Only the arms of a quick run.
        cpu: The CPU of the workers; None leaves it to the scheduler.
        only: Besides the controls, only these arms, the last of which is the baseline; empty: all.
    """

    target: str
    register: Register
    write: Register | None
    quick: bool
    cpu: int | None
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for register in (self.register, self.write):
            if register is not None and register.high is not None:
                raise InputError(
                    f"{register.name} is a pair of registers, and single accesses are measured; name one of its halves "
                    f"instead, at {register.place}"
                )

    def arms(self, *, is_device: bool) -> dict[str, AccessArm]:
        """Return the arms of the run by name, in the order of the report; see catalogue().

        Args:
            is_device: A real bus lies behind the target.
        """
        from regtap_bench.arms.catalogue import catalogue  # a trial of two arms starts without it

        writes = self.write is not None
        return catalogue(self.register, is_device=is_device, quick=self.quick, writes=writes, only=self.only)


@dataclass(frozen=True, slots=True)
class Job:
    """One worker's task.

    Attributes:
        subject: The subject of a run: target, registers, and the choice of arms.
        series: What to time; empty: look which arms there are, and what they cost about.
        baseline: Which arm the A/A twin repeats; empty: no twin.
        rounds: The number of rounds.
        seed: Seed of the order.
        limit_s: No round begins when this time is over.
        twin_every: The number of accesses after which the twin does one more, unsaid; 0: it is honest.
    """

    subject: Subject
    series: tuple[Series, ...] = ()
    baseline: str = ""
    rounds: int = 0
    seed: str = ""
    limit_s: float = 0.0
    twin_every: int = 0

    def to_json(self) -> str:
        """Return the job as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Return the job from a line of to_json()."""
        given = json.loads(text)
        subject = given["subject"]
        subject["register"] = _register(subject["register"])
        subject["only"] = tuple(subject["only"])
        subject["write"] = None if subject["write"] is None else _register(subject["write"])
        series = (Series(item["arm"], item["measure"], tuple(item["counts"])) for item in given["series"])
        return cls(**{**given, "subject": Subject(**subject), "series": tuple(series)})


def default_cpu() -> int:
    """Return the default CPU for arms: the last one of this process, since interrupts prefer the first."""
    return max(os.sched_getaffinity(0))


def _register(given: dict[str, object]) -> Register:
    return Register(str(given["name"]), int(str(given["address"])), str(given["type"]))
