"""A trigger as the native loop judges it: comparisons, and the ways in which they are joined."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_COMPARISONS = 16  # Trigger::kMost of the native core
Operator = Literal[
    "equal", "not_equal", "less", "at_most", "greater", "at_least", "rises", "falls", "changes"
]
EDGES: tuple[Operator, ...] = ("rises", "falls", "changes")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of some bits of a register with a value, or with the same bits on the row before.

    Attributes:
        register: Number of the register among those that are recorded.
        mask: The bits, in their place in the register.
        operator: Name of the operator in the native core.
        value: The value, shifted to the place of the bits; 0 for an edge.
    """

    register: int
    mask: int
    operator: Operator
    value: int = 0


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by one word.

    Attributes:
        word: `and` or `or`.
        parts: The conditions, at least two.
    """

    word: Literal["and", "or"]
    parts: tuple[Condition, ...]


Condition = Comparison | Joined


@dataclass(frozen=True)
class Trigger:
    """A condition with its text.

    A comparison with a value becomes true on a row where it holds and did not on the row before; an edge becomes true
    on every row where it occurs. The trigger strikes on a row where the condition holds because of a comparison that
    has just become true; never on the first row, which has none before it.

    Attributes:
        text: The expression as a person wrote it.
        condition: The parsed expression.
    """

    text: str
    condition: Condition

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The comparisons, in the order of the text."""
        return tuple(_comparisons(self.condition))

    @cached_property
    def alternatives(self) -> tuple[int, ...]:
        """The condition in disjunctive form: sets of comparisons, one set is enough (bit k: comparison k)."""
        numbers = iter(range(len(self.comparisons)))
        found = _alternatives(self.condition, numbers)
        # A set that contains another one does not decide whether the condition holds, but may when it becomes true.
        return tuple(dict.fromkeys(found))


def _comparisons(condition: Condition) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        yield condition
        return
    for part in condition.parts:
        yield from _comparisons(part)


def _alternatives(condition: Condition, numbers: Iterator[int]) -> list[int]:
    """Return the disjunctive form; at most 3**4 * 4 sets of 16 comparisons."""
    if isinstance(condition, Comparison):
        return [1 << next(numbers)]
    parts = [_alternatives(part, numbers) for part in condition.parts]
    if condition.word == "or":
        return [bits for part in parts for bits in part]
    joined = []
    for chosen in product(*parts):
        bits = 0
        for one in chosen:
            bits |= one
        joined.append(bits)
    return joined
