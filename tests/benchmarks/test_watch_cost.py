"""The cost of `regtap watch` beside its loop: CPU time of all other threads, for 40 registers ten times a second."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.terminal import Terminal

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

# Of the simulated device; all but ID change between two screens, or within a few of them.
_ADDRESSES = ("0x08", "0x0c", "0x10:u64", "0x10", "0x18:u64", "0x20", "0x24:u16", "0x28:u8")
_REGISTERS = [f"R{number}={_ADDRESSES[number % len(_ADDRESSES)]}" for number in range(40)]
_SIZE = (44, 160)  # room for every row and column
_SETTLED_S = 2.0  # the first screens draw every cell


def test_the_screen_of_forty_registers(settings: Settings, report: RecordBars) -> None:
    seconds = min(20.0, settings.seconds / 2)
    with Terminal("watch", "-t", "sim", *_REGISTERS, size=_SIZE) as terminal:
        terminal.wait_for("R39")
        terminal.take_for(_SETTLED_S)
        before, seen = cpu_ns(terminal.process.pid), len(terminal.written)
        terminal.take_for(seconds)
        after, written = cpu_ns(terminal.process.pid), len(terminal.written) - seen
        terminal.press("q")
        assert terminal.end() == 0

    spent = {thread: (after[thread] - before[thread]) / seconds / 1e7 for thread in after}
    loop = spent.pop("regtap-monitor")
    how = (
        f"40 registers at 10 Hz for {seconds:.0f} s, {written / seconds / 1e3:.0f} kB/s to the terminal; "
        f"the loop at 10 kHz: {loop:.1f} %"
    )
    report.add(
        83, Figure("`regtap watch`, CPU beside its loop", sum(spent.values()), "%", Bar(2.0, True), how)
    )
    assert written > 0


def cpu_ns(process: int) -> dict[str, int]:
    """Return the CPU time of each thread of a process, by its name; the kernel counts it in ns."""
    tasks = Path(f"/proc/{process}/task")
    return {_word(task / "comm"): int(_word(task / "schedstat")) for task in tasks.iterdir()}


def _word(path: Path) -> str:
    return path.read_text().split()[0]
