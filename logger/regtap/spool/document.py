"""The document in a spool: a description of its capture, for recovery."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass

from regtap.documents.decoding import decode
from regtap.documents.json_text import load_json
from regtap.errors import InputError, TraceError
from regtap.spool.layout import MOST_DOCUMENT_BYTES
from regtap.spool.pointer import Identity, PathText  # noqa: TC001 - decode() reads the annotations
from regtap.trace.metadata import PartMetadata

_DAMAGED = "its document is not one that this regtap reads"
_CHECKSUM_BYTES = 9  # in hexadecimal, and a space


@dataclass(frozen=True, slots=True)
class SpoolDocument:
    """The description of a capture in its spool.

    Attributes:
        template: Metadata that all parts of the trace share.
        trace: The trace's folder.
        identity: A random number in hexadecimal; the pointer in the trace's folder has the same one.
    """

    template: PartMetadata
    trace: str
    identity: str


@dataclass(frozen=True, slots=True)
class _TraceIdentity:
    trace: PathText
    identity: Identity


def make_document(template: PartMetadata, trace: str, identity: str) -> bytes:
    """Return the document of a capture: a checksum (CRC32 in hexadecimal), a space, and JSON.

    Args:
        template: Metadata that all parts of the trace share.
        trace: The trace's folder.
        identity: A random number in hexadecimal; see new_identity().

    Raises:
        InputError: The document would be larger than a recovery reads.
    """
    identified = asdict(_TraceIdentity(os.path.abspath(trace), identity))
    text = json.dumps({**identified, **json.loads(template.to_json())}).encode()
    if len(text) > MOST_DOCUMENT_BYTES - _CHECKSUM_BYTES:
        raise InputError(
            f"what is to be recorded takes {len(text):,} bytes to describe, and {MOST_DOCUMENT_BYTES:,} are allowed; "
            "record fewer registers at once"
        )
    return b"%08x %b" % (zlib.crc32(text), text)


def parse_document(text: bytes, where: str) -> SpoolDocument:
    """Return the description of a capture that a spool holds.

    Args:
        text: The document, as make_document() has made it.
        where: Path of the spool, for messages.

    Raises:
        TraceError: The text is no such document, or a damaged one.
    """
    checksum, _, body = text.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        raise TraceError(f"{where}: the document in its header is damaged")
    try:
        document = load_json(body)
        if not isinstance(document, dict):
            raise ValueError("it is no object")
        found = decode(_TraceIdentity, {name: document.pop(name, None) for name in ("trace", "identity")})
    except ValueError as error:
        raise TraceError(f"{where}: {_DAMAGED} ({error})") from error
    template = PartMetadata.from_json(json.dumps(document).encode(), where)
    if not template.clock.anchors:
        raise TraceError(f"{where}: {_DAMAGED} (it has no reading of the clock)")
    return SpoolDocument(template, found.trace, found.identity)
