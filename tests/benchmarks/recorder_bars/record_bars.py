"""The record of one run of the recorder's benchmarks: figures, raw values, the machine."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.benchmarks.recorder_bars.bars import Figure, rows_of, text_table

from regtap_bench.environment import MachineLoad, describe_environment
from regtap_bench.markdown import markdown_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.recorder_bars.interleave import Rounds

# 1: first version.
_FORMAT_VERSION = 1
_NAME = "record-bars"
_QUIET_PERCENT = 10  # of all CPU time for others; the kernel's writing of our own files is among it


@dataclass(slots=True)
class RecordBars:
    """Collects what the benchmarks find, and writes it down.

    Attributes:
        settings: How the run was asked to be: durations, rounds, seed.
        figures: The table, by its order in print (see add).
        raw: Every measured value, by the name of what was measured.
        began: The machine's load when the run began.
    """

    settings: Mapping[str, Any]
    figures: dict[int, Figure] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    began: MachineLoad = field(default_factory=MachineLoad.now)

    def add(self, place: int, figure: Figure) -> None:
        """Add a line of the table at its place in it."""
        self.figures[place] = figure

    def keep_rounds(self, name: str, unit: str, rounds: Rounds) -> None:
        """Keep every value of an interleaved run, to six digits."""
        self.raw[name] = {
            "unit": unit,
            "seed": rounds.seed,
            "rounds": {arm: [float(f"{v:.6g}") for v in values] for arm, values in rounds.values.items()},
        }

    def lines(self) -> list[str]:
        """Return the table to print, and under it whether the machine was quiet."""
        return [*text_table(self._ordered()), "", _quietness(self.began.until(MachineLoad.now()))]

    def write(self, root: str) -> str:
        """Write JSON and Markdown into a new folder of `root`; returns the folder.

        Raises:
            OSError: As the kernel said.
        """
        environment = describe_environment()
        now = datetime.now(UTC)
        folder = os.path.join(root, f"{now:%Y%m%dT%H%M%SZ}-{environment['hostname']}")
        os.makedirs(folder)
        document = {
            "format_version": _FORMAT_VERSION,
            "ended_utc": now.isoformat(timespec="seconds"),
            "environment": environment,
            "load": self.began.until(MachineLoad.now()),
            "settings": dict(self.settings),
            "figures": [{**asdict(figure), "verdict": figure.verdict} for figure in self._ordered()],
            "raw": self.raw,
        }
        with open(os.path.join(folder, f"{_NAME}.json"), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
        with open(os.path.join(folder, f"{_NAME}.md"), "w", encoding="utf-8") as file:
            file.write(_markdown(document, self._ordered()))
        return folder

    def _ordered(self) -> list[Figure]:
        return [self.figures[place] for place in sorted(self.figures)]


def make_reference(folder: str, root: str) -> str:
    """Copy a run to `root`/reference, in place of what was there; returns the copy."""
    reference = os.path.join(root, "reference")
    os.makedirs(reference, exist_ok=True)
    for name in (f"{_NAME}.json", f"{_NAME}.md"):
        shutil.copyfile(os.path.join(folder, name), os.path.join(reference, name))
    return reference


def _quietness(load: Mapping[str, Any]) -> str:
    said = f"others took {load['others_percent']:.1f} % of the CPU time, the hypervisor {load['steal_percent']:.1f} %"
    if load["others_percent"] + load["steal_percent"] > _QUIET_PERCENT:
        return f"NOT A QUIET MACHINE, believe no figure: {said}"
    return f"a quiet machine: {said}"


def _markdown(document: Mapping[str, Any], figures: list[Figure]) -> str:
    facts = {**document["settings"], **document["load"], **document["environment"]}
    lines = markdown_table([("machine and run", ""), *((name, str(value)) for name, value in facts.items())])
    return (
        f"# The recorder beside its bars, {document['ended_utc']}\n\n{markdown_table(rows_of(figures))}\n"
        f"{_quietness(document['load']).capitalize()}.\n\n"
        f"Brackets: 95 % bootstrap interval of the median of paired rounds (fewer than six: their range), "
        f"or of the ratio of all that they counted. "
        f"Raw values: {_NAME}.json.\n\n{lines}"
    )


def filesystem_of(path: str) -> str:
    """Return the type of the filesystem that a path is on, such as `ext4`."""
    path = os.path.join(os.path.realpath(path), "")
    with open("/proc/self/mounts", encoding="utf-8") as file:
        mounts = [line.split()[1:3] for line in file]
    holding = [(len(point), kind) for point, kind in mounts if path.startswith(os.path.join(point, ""))]
    return max(holding, key=lambda mount: mount[0])[1] if holding else "unknown"
