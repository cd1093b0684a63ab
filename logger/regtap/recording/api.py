"""`regtap.record`: makes a Capture from names of registers and texts or numbers with units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.maps.load import MapsGiven, given_maps
from regtap.recording.capture import Capture
from regtap.recording.options import RecordOptions
from regtap.targets import as_registers, parse_target

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from fractions import Fraction

    from regtap.registers.model import Register


def record(  # noqa: PLR0913 - one keyword for each option of `regtap record`
    registers: Sequence[Register | str] | Register | str,
    output: str | os.PathLike[str],
    *,
    target: str = "mem",
    rate: str | float | Fraction = "max",
    duration: str | float | None = None,
    samples: str | int | None = None,
    on_full: str | None = None,
    keep_last: str | float | None = None,
    latency: bool = False,
    spool_size: str | int | None = None,
    cpu: int | None = None,
    realtime: bool = False,
    compress: str = "none",
    durable: bool | str | float = False,
    on_change: bool | str | Sequence[str] = False,
    heartbeat: str | float | None = None,
    keep_parts: str | int | None = None,
    keep_size: str | int | None = None,
    maps: MapsGiven = None,
    allow_side_effects: bool = False,
    trigger: str | None = None,
    pre: str | float | None = None,
    post: str | float | None = None,
    holdoff: str | float | None = None,
    captures: int | None = None,
    trigger_run: str | None = None,
) -> Capture:
    """Return a capture: a context manager that records until its block ends, or until it ends by itself.

    Args:
        registers: One or several: names, tails of names or globs of the target's map and of `maps`,
            `ADDRESS[:TYPE]`, `NAME=ADDRESS[:TYPE]`, or Register objects; read in this order.
        output: The trace's folder, which must not exist.
        target: `mem`, `uio:N`, `pci:ADDRESS/barN`, `file:PATH`, `sim` or `sim:PATH`.
        rate: `max`, or samples per second, such as `"10k"` or 1000.
        duration: Ends after this time: `"2s"`, or a number of seconds.
        samples: Ends after this many samples, stored or lost (missed slots do not count): `"100k"`, or a number.
        on_full: `wait`, `discard`, `stop` or `overwrite`; see RecordOptions.
        keep_last: With `overwrite`, how much to keep: `"10s"`, or a number of seconds; None: all that the spool holds.
        latency: Add the column `latency_ns`: from first to last access of a row.
        spool_size: `"64MiB"`, or a number of bytes.
        cpu: CPU of the sampling thread.
        realtime: SCHED_FIFO and no deep sleep states.
        compress: `none` or `zstd`.
        durable: Keep a journal on disk for the case of a power loss, and sync it each second (True), or as often
            as this says: `"100ms"`, or a number of seconds.
        on_change: Store a row only where a register differs from the row before, and the row before that: True, or the
            names of registers and fields to look at. The others are counted as unchanged.
        heartbeat: With `on_change`, store a row at least this often: `"1s"`, or a number of seconds.
        keep_parts: Keep so many of the last parts only; older ones are removed, and counted as rotated.
        keep_size: The same by their size together: `"50GiB"`, or a number of bytes.
        maps: Register maps, each `FILE[:BLOCK][@BASE]`; None: those of REGTAP_MAP.
        allow_side_effects: Read registers too whose read is known to change the device, if they are named in full.
        trigger: Store only what lies around the moments at which this strikes: `"STATUS.ERROR rises"`.
        pre: With a trigger, what to store before a hit: `"200ms"`, or a number of seconds; None: a second.
        post: And after it, likewise.
        holdoff: For so long after a hit further ones are counted only.
        captures: End after so many stretches.
        trigger_run: A program to run at each hit.

    Raises:
        InputError: A name, unit or combination is wrong; nothing was opened.
        SideEffectError: A read would change the device, and that was not allowed.
    """
    opened = parse_target(target)
    names = as_registers(registers)
    options = RecordOptions.parse(
        rate=rate,
        duration=duration,
        samples=samples,
        on_full=on_full,
        keep_last=keep_last,
        latency=latency,
        spool_size=spool_size,
        cpu=cpu,
        realtime=realtime,
        compress=compress,
        durable=durable,
        on_change=on_change,
        heartbeat=heartbeat,
        keep_parts=keep_parts,
        keep_size=keep_size,
        trigger=trigger,
        pre=pre,
        post=post,
        holdoff=holdoff,
        captures=captures,
        trigger_run=trigger_run,
    )
    chosen = opened.resolve(names, given_maps(maps), allow_side_effects=allow_side_effects)
    return Capture(opened, chosen, output, options)
