"""Whether two runs may be compared: the same machine with the same settings, and the same kind of access."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtap_bench.figures.result import Result

# What costs depend on more than on the code that is measured.
_MACHINE = (
    "machine",
    "processor",
    "cpus",
    "hypervisor",
    "kernel",
    "clocksource",
    "governor",
    "boost",
    "no_turbo",
    "smt",
    "isolated_cpus",
    "mitigations",
)
# What a comparison may be about.
_SUBJECT = ("hostname", "python", "regtap")


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the conditions of two runs.

    Attributes:
        name: The name of the fact.
        before: In the first.
        after: In the second.
    """

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name} {self.before or 'none'} and {self.after or 'none'}"


def unlike(before: Result, after: Result) -> tuple[Difference, ...]:
    """Return the differences because of which two runs must not be compared; empty if they may be."""
    return (
        *_different(
            ("target kind", _kind(before), _kind(after)), ("device", before.is_device, after.is_device)
        ),
        *_different(("register type", before.register["type"], after.register["type"])),
        *_different(*_facts(before, after, _MACHINE)),
    )


def worth_a_note(before: Result, after: Result) -> tuple[Difference, ...]:
    """Return the other differences, one of which may be the subject of the comparison."""
    return tuple(
        _different(
            ("target", before.target, after.target),
            ("register", _spelled(before), _spelled(after)),
            ("mode", before.mode, after.mode),
            ("baseline", before.baseline, after.baseline),
            *_facts(before, after, _SUBJECT),
        )
    )


def _different(*facts: tuple[str, Any, Any]) -> Iterable[Difference]:
    return [Difference(name, str(first), str(second)) for name, first, second in facts if first != second]


def _facts(before: Result, after: Result, names: Iterable[str]) -> list[tuple[str, Any, Any]]:
    return [(name, before.environment.get(name, ""), after.environment.get(name, "")) for name in names]


def _kind(run: Result) -> str:
    return run.target.partition(":")[0]


def _spelled(run: Result) -> str:
    return f"{run.register['name']} at {int(run.register['address']):#x}"
