"""A capture as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regtap.recording.options import RecordOptions
    from regtap.registers.model import Register
    from regtap.targets.target import Target
    from regtap.triggers.model import Trigger


@dataclass(frozen=True, slots=True)
class Description:
    """A capture as it is asked for.

    Attributes:
        target: The target of the registers.
        registers: In the order of access.
        output: The trace's folder.
        options: Options of the capture.
        trigger: The trigger of the options, parsed; None: there is none.
    """

    target: Target
    registers: tuple[Register, ...]
    output: str
    options: RecordOptions
    trigger: Trigger | None = None
