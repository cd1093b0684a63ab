"""The trials of a run and their order, fixed by a seed before the first trial."""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE, LOADED = "idle", "loaded"
CONDITIONS = (IDLE, LOADED)
PROCESSES = 5  # of a trial: as many as a quick run has
_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Effect:
    """The extra work of the second arm of a trial.

    Attributes:
        name: As tables show it.
        every: The number of accesses after which it does one more; 0: none, the arms are the same.
    """

    name: str
    every: int

    @property
    def share(self) -> float:
        """The extra work, as a share."""
        return 1 / self.every if self.every else 0.0


SAME = Effect("A/A", 0)
EFFECTS = (Effect("+0.2 %", 500), Effect("+0.5 %", 200), Effect("+1 %", 100), Effect("+5 %", 20))


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial to make.

    Attributes:
        condition: IDLE or LOADED.
        number: Its place in the order, from 0.
        effect: The injected slowdown.
        seed: Seed of the order of its blocks.
    """

    condition: str
    number: int
    effect: Effect
    seed: int


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """A whole run.

    Attributes:
        seed: Seed of everything.
        same: Trials of equal arms, in each condition.
        different: Trials of each effect, in each condition.
        seconds: Duration of measuring in a trial, all processes together.
        calibration_s: Duration of measuring, before the first trial, to find the margin.
        cpu: The CPU of the arms.
    """

    seed: int
    same: int
    different: int
    seconds: float
    calibration_s: float
    cpu: int

    def trials(self, condition: str) -> Iterator[Trial]:
        """Yield the trials of a condition, all effects mixed, in the order in which they are made."""
        draw = random.Random(f"{self.seed}/{condition}")  # noqa: S311 - an order, not a secret
        effects = [SAME] * self.same + [effect for effect in EFFECTS for _ in range(self.different)]
        draw.shuffle(effects)
        for number, effect in enumerate(effects):
            yield Trial(condition, number, effect, draw.getrandbits(32))

    def settle(self, folder: str) -> None:
        """Write the plan into a new folder of trials, or compare the plan of an existing folder.

        Raises:
            InputError: It holds those of another plan.
        """
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, _FILE)
        if not os.path.exists(path):
            with open(path, "x", encoding="utf-8") as file:
                json.dump(asdict(self), file, indent=1)
        elif self != TrialPlan.of(folder):
            raise InputError(
                f"{folder} holds trials of another plan ({path}); remove it or name another folder"
            )

    @classmethod
    def of(cls, folder: str) -> TrialPlan:
        """Return the plan of a folder of trials.

        Raises:
            InputError: It is no such folder.
        """
        path = os.path.join(folder, _FILE)
        try:
            with open(path, encoding="utf-8") as file:
                return cls(**json.load(file))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path} holds no plan of trials; measure first") from error
