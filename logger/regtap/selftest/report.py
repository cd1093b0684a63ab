"""The table of `regtap selftest --bus-shape`, a line as each case ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.selftest.bus_shape import Access, Observation
    from regtap.selftest.cases import Case

_LONGEST = 8  # accesses of a sequence that are spelled out
_WIDEST = 32  # characters; longer declarations push what follows to the right


def summarise(accesses: Sequence[Access]) -> str:
    """Return a sequence of accesses in short, repetitions folded: `200 x (r32@0x40 r8@0x48)`."""
    if not accesses:
        return "nothing"
    period = _period(accesses)
    text = " ".join(map(str, accesses[: min(period, _LONGEST)]))
    if period > _LONGEST:
        text += f" ... ({period} accesses)"
    count = len(accesses) // period
    if count == 1:
        return text
    return f"{count} x {text}" if period == 1 else f"{count} x ({text})"


def _period(accesses: Sequence[Access]) -> int:
    """Return the length of the shortest sequence whose repetition gives all accesses."""
    count = len(accesses)
    divisors = (length for length in range(1, count) if count % length == 0)
    return next((p for p in divisors if accesses[p:] == accesses[:-p]), count)


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of the table, wide enough for all cases before the first has run."""

    name: int
    declared: int

    @classmethod
    def fitting(cls, cases: Sequence[Case]) -> Table:
        """Return the table for these cases."""
        return cls(
            max(len(case.name) for case in cases),
            min(_WIDEST, max(len(summarise(case.declared)) for case in cases)),
        )

    def header(self) -> str:
        """Return the line above the cases."""
        return self._line("case", "verdict", "declared", "seen (r: read, w: write, bits@offset)")

    def row(self, case: Case, seen: Observation) -> str:
        """Return the line of a case, and a second line for a bad end."""
        different = seen.accesses != case.declared
        found = summarise(seen.accesses) if different else "as declared"
        line = self._line(case.name, case.verdict(seen), summarise(case.declared), found)
        return line if seen.succeeded else f"{line}\n    {_ending(seen)}"

    def _line(self, name: str, verdict: str, declared: str, seen: str) -> str:
        return f"{name:<{self.name}}  {verdict:<7}  {declared:<{self.declared}}  {seen}"


def _ending(seen: Observation) -> str:
    how = f"exit status {seen.exit_status}" if seen.ended == "exited" else f"killed: {seen.ended}"
    last = seen.output.strip().rpartition("\n")[2]
    return f"{how}: {last}" if last else how
