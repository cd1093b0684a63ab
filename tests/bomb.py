"""An exception at one step of the package, for tests of what an interrupt leaves behind."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import regtap

_PACKAGE = os.path.dirname(regtap.__file__)


class Bomb:
    """Raises an exception at the event of a number, in frames of the package.

    Args:
        number: How many events pass before.
        events: `line` or `opcode`.
        error: What to raise.
        report: Where to note that it was raised, and how many samples had been taken.
    """

    def __init__(self, number: int, events: str, error: type[BaseException], report: Path) -> None:
        self._left = number
        self._events = events
        self._error = error
        self._report = report
        self._taken = 0

    def arm(self, frame: FrameType | None, taken: int) -> None:
        """Begin to count in this thread: in a frame, in those that called it, and in all that are called."""
        self._taken = taken
        self._note(hit=False)
        while frame is not None:
            if self._counts(frame):
                self._follow(frame)
            frame = frame.f_back
        sys.settrace(self._called)

    def _counts(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(_PACKAGE)

    def _follow(self, frame: FrameType) -> None:
        frame.f_trace = self._happened
        frame.f_trace_opcodes = self._events == "opcode"

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        if not self._counts(frame):
            return None
        self._follow(frame)
        return self._happened

    def _happened(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any]:
        if event == self._events:
            self._left -= 1
            if self._left < 0:
                sys.settrace(None)
                self._note(hit=True)
                raise self._error
        return self._happened

    def _note(self, *, hit: bool) -> None:
        self._report.write_text(json.dumps({"hit": hit, "taken": self._taken}))
