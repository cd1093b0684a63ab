"""The metadata that all parts of a capture share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.system.host import describe_host
from regtap.trace.metadata import Mode, PartMetadata, TriggerMode

if TYPE_CHECKING:
    from regtap.clock.live import Timebase
    from regtap.recording.description import Description
    from regtap.recording.options import RecordOptions
    from regtap.recording.trigger_options import TriggerOptions


def make_template(what: Description, timebase: Timebase) -> PartMetadata:
    """Return the metadata of a capture's first part before it has rows; `timebase` is the capture's clock."""
    return PartMetadata(
        registers=tuple(what.registers),
        target=what.target.spec,
        mode=_mode(what.options),
        clock=timebase.info(),
        start=timebase.start,
        host=describe_host(),
        part=0,
        first_index=0,
        command=what.options.command,
    )


def _mode(options: RecordOptions) -> Mode:
    return Mode(
        None if options.rate_hz is None else str(options.rate_hz),
        options.on_full,
        options.latency,
        options.keep_ns,
        options.keep_parts,
        options.keep_bytes,
        on_change=() if options.on_change is None else options.on_change.names or ("*",),
        heartbeat_ns=None if options.on_change is None else options.on_change.heartbeat_ns,
        trigger=_trigger_mode(options.trigger),
    )


def _trigger_mode(options: TriggerOptions | None) -> TriggerMode | None:
    if options is None:
        return None
    return TriggerMode(options.expression, options.pre_ns, options.post_ns, options.holdoff_ns)
