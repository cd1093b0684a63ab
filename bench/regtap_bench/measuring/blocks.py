"""All timed blocks of a run, as numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from regtap_bench.measuring.job import Series

    # One array for each process.
    Rounds = list[npt.NDArray[np.float64]]
    Tags = list[npt.NDArray[np.bool_]]

_FEWEST_QUIET = 30  # undisturbed rounds from which an intercept is computed; arbitrary
_SIZES = (8, 2, 2, 2, 2)  # bytes of an item in each of RawRounds' arrays of blocks
_STOLEN_SIZE = 2  # in its array of rounds


@dataclass(frozen=True, slots=True)
class Process:
    """The data of one process: R rounds, S series, C counts.

    Attributes:
        ticks: Ticks of each block, uint64, shape (R, S, C).
        position: When in its round the block ran, uint16, same shape.
        switches: Forced context switches during it, uint16, same shape.
        faults: Page faults during it, uint16, same shape.
        moves: Moves to another CPU during it, uint16, same shape.
        stolen: Time that the hypervisor took during the round, in ticks of /proc/stat, uint16, shape (R,).
        ns_per_tick: Length of a tick of its clock.
        delay_truth_ns: What the known delay takes by CLOCK_MONOTONIC_RAW alone, ns a repeat, shape (chunks,).
    """

    ticks: npt.NDArray[np.uint64]
    position: npt.NDArray[np.uint16]
    switches: npt.NDArray[np.uint16]
    faults: npt.NDArray[np.uint16]
    moves: npt.NDArray[np.uint16]
    stolen: npt.NDArray[np.uint16]
    ns_per_tick: float
    delay_truth_ns: npt.NDArray[np.float64]

    @property
    def times_ns(self) -> npt.NDArray[np.float64]:
        """The time of each block, shape (R, S, C)."""
        return self.ticks.astype(np.float64) * self.ns_per_tick

    @classmethod
    def from_payload(cls, payload: bytes, shape: tuple[int, int], header: Mapping[str, Any]) -> Process:
        """Return the data from the payload of a worker.

        Args:
            payload: RawRounds.to_bytes().
            shape: (S, C).
            header: Has `ns_per_tick` and `delay_truth_ns`.
        """
        rounds = len(payload) // (shape[0] * shape[1] * sum(_SIZES) + _STOLEN_SIZE)
        rows, at = rounds * shape[0] * shape[1], 0
        columns: list[npt.NDArray[Any]] = []
        for size in _SIZES:
            column = np.frombuffer(payload, f"<u{size}", count=rows, offset=at)
            columns.append(column.reshape(-1, *shape))
            at += size * rows
        stolen = np.frombuffer(payload, f"<u{_STOLEN_SIZE}", offset=at)
        truth = np.asarray(header["delay_truth_ns"], dtype=np.float64)
        ticks, position, switches, faults, moves = columns
        return cls(ticks, position, switches, faults, moves, stolen, float(header["ns_per_tick"]), truth)


@dataclass(frozen=True, slots=True)
class Blocks:
    """The data of a run: its series, and its processes.

    Attributes:
        series: The timed series.
        processes: The processes that timed the series; their numbers of rounds may differ.
    """

    series: tuple[Series, ...]
    processes: tuple[Process, ...]

    def index(self, arm: str, measure: str) -> int | None:
        """Return the index of a series, or None."""
        places = ((item.arm, item.measure) for item in self.series)
        return next((k for k, place in enumerate(places) if place == (arm, measure)), None)

    def times_ns(self, series: int) -> Rounds:
        """Return the time of a series' blocks, shape (R, C) for each process."""
        return [process.times_ns[:, series, :] for process in self.processes]

    def slopes_ns(self, series: int) -> Rounds:
        """Return the cost of an access in each round, from its shortest and longest block, shape (R,) each."""
        few, _, many = self.series[series].counts
        return [(times[:, -1] - times[:, 0]) / (many - few) for times in self.times_ns(series)]

    def intercepts_ns(self, series: int) -> list[float | None]:
        """Return the fixed cost of a block (call and timer), for each process.

        The median of the rounds that nothing interrupted; None where there are too few of them to tell. One for each
        process: a common one would carry the same error into all of them, where no interval could show it.
        """
        few = self.series[series].counts[0]
        rounds = zip(self.times_ns(series), self.slopes_ns(series), self.interrupted(series), strict=True)
        quiet = [(times[:, 0] - slopes * few)[~interrupted] for times, slopes, interrupted in rounds]
        return [float(np.median(it)) if len(it) >= _FEWEST_QUIET else None for it in quiet]

    def costs_ns(self, series: int) -> Rounds:
        """Return the cost of an access by each block, a known intercept taken off, shape (R, C) for each process."""
        counts = np.array(self.series[series].counts, dtype=np.float64)
        pairs = zip(self.times_ns(series), self.intercepts_ns(series), strict=True)
        return [(times - (intercept or 0.0)) / counts for times, intercept in pairs]

    def bend(self, series: int) -> float:
        """Return how far the middle block lies off the line through the other two, as a share (median)."""
        few, middle, many = self.series[series].counts
        part = (middle - few) / (many - few)
        bends = [
            times[:, 1] / (times[:, 0] + part * (times[:, 2] - times[:, 0])) - 1
            for times in self.times_ns(series)
        ]
        return float(np.median(np.concatenate(bends)))

    def interrupted(self, series: int) -> Tags:
        """Return the rounds in which another process, or another CPU, got into one of a series' blocks."""
        switched, moved, _ = self.disturbances(series).values()
        return [a | b for a, b in zip(switched, moved, strict=True)]

    def disturbed(self, series: int) -> Tags:
        """Return the rounds in which anything got into one of a series' blocks, or may have: see disturbances()."""
        return [np.logical_or.reduce(each) for each in zip(*self.disturbances(series).values(), strict=True)]

    def disturbances(self, series: int) -> dict[str, Tags]:
        """Return the disturbed rounds by cause: for each process an array of truth values, shape (R,).

        `switch`: a forced context switch in one of the series' blocks; `move`: one of them ended on another CPU;
        `steal`: the hypervisor took time during the round, in whichever block (/proc/stat counts in 10 ms).
        """
        return {
            "switch": [process.switches[:, series, :].max(axis=-1) > 0 for process in self.processes],
            "move": [process.moves[:, series, :].max(axis=-1) > 0 for process in self.processes],
            "steal": [process.stolen > 0 for process in self.processes],
        }
