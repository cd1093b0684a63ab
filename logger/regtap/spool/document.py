"""What ties a trace and its spool together: the note `_spool` in the folder, and the document in the spool."""

from __future__ import annotations

import json
import os
import zlib

from regtap.errors import TraceError
from regtap.trace.metadata import PartMetadata

_LARGEST = 1 << 62  # of times and ticks that can be computed with


def make_document(template: PartMetadata, trace: str) -> bytes:
    """Return what a spool says about its capture, and where its trace is: a checksum (CRC32 in hex), and JSON."""
    text = json.dumps({"trace": os.path.abspath(trace), **json.loads(template.to_json())}).encode()
    return b"%08x %b" % (zlib.crc32(text), text)


def parse_document(text: bytes, where: str) -> tuple[PartMetadata, str]:
    """Return what every part says, and the trace's folder.

    Raises:
        TraceError: It is no such document, or a damaged one.
    """
    checksum, _, body = text.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        raise TraceError(f"{where}: the document in its header is damaged")
    try:
        document = json.loads(body)
        trace = document.pop("trace")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TraceError(f"{where}: its document is not one that this regtap reads") from error
    template = PartMetadata.from_json(json.dumps(document).encode(), where)
    if not isinstance(trace, str) or not _is_sound(template):
        raise TraceError(f"{where}: its document is not one that this regtap reads")
    return template, trace


def _is_sound(template: PartMetadata) -> bool:
    """Whether the clock can be computed with."""
    start, clock = template.start, template.clock
    whole: list[object] = [start.realtime_ns, start.monotonic_ns, start.boottime_ns, start.raw_ns]
    for anchor in clock.anchors:
        whole += [anchor.ticks, anchor.raw_ns, anchor.realtime_ns]
    real: list[object] = [clock.frequency_hz, *(anchor.uncertainty_ns for anchor in clock.anchors)]
    return (
        bool(clock.anchors)
        and all(isinstance(value, int) and 0 <= value < _LARGEST for value in whole)
        and all(isinstance(value, int | float) and 0 <= value < _LARGEST for value in real)
        and 1 <= clock.frequency_hz <= 1e12
    )
