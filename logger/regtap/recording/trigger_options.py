"""Options of a capture with a trigger: the stretches to store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Self

from regtap.errors import InputError
from regtap.units import parse
from regtap.units.values import to_time_ns

_NS_PER_S = 10**9
DEFAULT_NS = _NS_PER_S  # arbitrary: a human's idea of a moment


@dataclass(frozen=True, slots=True)
class TriggerOptions:
    """A trigger, and how much to store around its hits.

    Attributes:
        expression: Such as `STATUS.ERROR rises`; the grammar is in triggers/parse.py.
        pre_ns: What to store before the first hit of a stretch.
        post_ns: And after the last one.
        holdoff_ns: For so long after a hit further ones are counted only.
        captures: The capture ends after so many stretches; None: it goes on.
        program: Run at each hit, by path or by a name in PATH; None: nothing is.
    """

    expression: str
    pre_ns: int = DEFAULT_NS
    post_ns: int = DEFAULT_NS
    holdoff_ns: int = 0
    captures: int | None = None
    program: str | None = None

    @classmethod
    def parse(  # noqa: PLR0913 - one keyword for each option
        cls,
        expression: str | None,
        *,
        pre: str | float | None = None,
        post: str | float | None = None,
        holdoff: str | float | None = None,
        captures: str | int | None = None,
        program: str | None = None,
    ) -> Self | None:
        """Return the options that texts or numbers describe; None where there is no trigger.

        Raises:
            InputError: A value cannot be read, or was given without a trigger.
        """
        if expression is None:
            given = {
                "pre": pre,
                "post": post,
                "holdoff": holdoff,
                "captures": captures,
                "trigger-run": program,
            }
            idle = next((name for name, value in given.items() if value is not None), None)
            if idle is not None:
                raise InputError(f"--{idle} is for a trigger: add --trigger EXPRESSION")
            return None
        return cls(
            expression,
            DEFAULT_NS if pre is None else to_time_ns(pre),
            DEFAULT_NS if post is None else to_time_ns(post),
            0 if holdoff is None else to_time_ns(holdoff),
            None if captures is None else parse.parse_count(str(captures)),
            program,
        )

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str):
            raise InputError(f'a trigger is a text, not {self.expression!r}; write "STATUS.ERROR rises"')
        object.__setattr__(self, "expression", " ".join(self.expression.split()))
        for name in ("pre_ns", "post_ns", "holdoff_ns"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 0 <= value < 2**62:
                raise InputError(f"{name} is {value!r}; it must be a whole number of ns, below 2**62")
        parse.check_count(self.captures, "captures")
        if self.program is not None and shutil.which(self.program) is None:
            raise InputError(
                f"cannot run {self.program!r} at a hit: no such program; check its name and PATH"
            )
