"""Recordings during a live view, which a key starts and ends."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from regtap.errors import RegtapError
from regtap.system.closeable import Closeable
from regtap.units.format import count_of, format_duration_ns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from regtap.recording.capture import Capture
    from regtap.registers.model import Register
    from regtap.targets.target import Target


class KeyRecorder(Closeable):
    """Makes traces of registers, one after another.

    Args:
        target: The target of the registers.
        registers: The registers, without repetitions.
        rate_hz: Samples per second.
        output: Folder of the trace, and with -2, -3 and so on added of those after it; None: named by the time.

    Attributes:
        ended: Results of the recordings, oldest first.
        is_clean: Whether each was stored without a loss.
    """

    def __init__(
        self, target: Target, registers: Sequence[Register], rate_hz: Fraction, output: str | None
    ) -> None:
        self.ended: list[str] = []
        self.is_clean = True
        self._target = target
        self._registers = tuple(registers)
        self._rate_hz = rate_hz
        self._output = output
        self._capture: Capture | None = None

    def toggle(self) -> str:
        """Start a recording, or end the running one; return a sentence about the recording."""
        if self._capture is not None:
            return self._end(self._capture)
        try:
            return self._start()
        except (RegtapError, OSError) as error:
            return f"no recording: {error}"

    def status(self) -> str:
        """Return the progress of the recording; empty: none runs."""
        capture = self._capture
        if capture is None:
            return ""
        status = capture.status()
        if capture.wait(0):  # it ended by itself: a fault
            return f"recording ended after {count_of(status.taken, 'sample')}; r stores its end"
        lost = f", {status.lost:,} LOST" if status.lost else ""
        span = format_duration_ns(round(10 * status.elapsed_s) * 10**8)
        return f"RECORDING {span}, {count_of(status.taken, 'sample')}{lost}"

    @property
    def output(self) -> str:
        """The folder of the running recording; empty: none runs."""
        return "" if self._capture is None else str(self._capture.output)

    def close(self) -> None:
        """End the running recording."""
        if self._capture is not None:
            self._end(self._capture)

    def _start(self) -> str:
        from regtap.recording.capture import Capture
        from regtap.recording.options import RecordOptions

        capture = Capture(
            self._target, self._registers, self._free_name(), RecordOptions(rate_hz=self._rate_hz)
        )
        capture.start()
        self._capture = capture
        return f"recording into {capture.output}; r ends it"

    def _end(self, capture: Capture) -> str:
        self._capture = None
        capture.close()
        try:
            summary = capture.summary
            self.is_clean = self.is_clean and summary.clean
            text = f"{capture.output}: {summary.totals.line()}"
            capture.raise_fault()
        except (RegtapError, OSError) as error:
            self.is_clean = False
            text = f"{capture.output}: {error}"
        self.ended.append(text)
        return text

    def _free_name(self) -> str:
        name = self._output or time.strftime("regtap-watch-%Y%m%d-%H%M%S")
        number, free = 1, name
        while os.path.lexists(free):
            number += 1
            free = f"{name}-{number}"
        return free
