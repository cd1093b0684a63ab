"""The trace's pointer to its spool, the file `_spool`, and the document that a spool holds about its capture.

A pointer is believed by its owner only, and a spool only where it is the very file that the pointer means: made in
this boot, with that device and inode number, private, the same user's, and with the pointer's random identity in
its document. Shared memory is open to every user, so that a name there proves nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from regtap.documents.decoding import Matching, Within, decode
from regtap.documents.json_text import load_json
from regtap.errors import InputError, RefusedError, TraceError
from regtap.folders import read_own_file
from regtap.host import boot_id
from regtap.spool_layout import MOST_DOCUMENT_BYTES
from regtap.trace_format import SPOOL_POINTER, PartMetadata

if TYPE_CHECKING:
    from pathlib import Path

_DAMAGED = "its document is not one that this regtap reads"
_POINTER_BYTES = 16 << 10
_CHECKSUM_BYTES = 9  # in hexadecimal, and a space
_LARGEST = (1 << 64) - 1
Identity = Annotated[str, Matching("[0-9a-f]{32}")]


@dataclass(frozen=True, slots=True)
class SpoolNote:
    """The pointer in a trace's folder.

    Attributes:
        spool: Path of the spool.
        boot_id: The boot in which it was made.
        device: Device number of the spool's file.
        inode: Its inode number.
        identity: A random number in hexadecimal, which the spool's document has too.
    """

    spool: str
    boot_id: str
    device: Annotated[int, Within(0, _LARGEST)]
    inode: Annotated[int, Within(0, _LARGEST)]
    identity: Identity

    def to_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(asdict(self)) + "\n"

    def means(self, status: os.stat_result) -> bool:
        """Return whether a file, as fstat() describes it, is the spool that this was written for."""
        return self.boot_id == boot_id() and (self.device, self.inode) == (status.st_dev, status.st_ino)


@dataclass(frozen=True, slots=True)
class SpoolDocument:
    """What a spool says about its capture.

    Attributes:
        template: What every part says.
        trace: The trace's folder.
        identity: A random number in hexadecimal, which the pointer in that folder has too.
    """

    template: PartMetadata
    trace: str
    identity: str


@dataclass(frozen=True, slots=True)
class _Place:
    trace: str
    identity: Identity


def new_identity() -> str:
    """Return an identity that no other spool has."""
    return secrets.token_hex(16)


def read_note(folder: Path) -> SpoolNote | None:
    """Return the pointer in a trace's folder, or None where there is none.

    Raises:
        TraceError: It is damaged, or not to be believed: another user's, or writable for others.
        RefusedError: The system does not let it be read.
    """
    path = folder / SPOOL_POINTER
    try:
        return decode(SpoolNote, load_json(read_own_file(path, _POINTER_BYTES)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RefusedError(
            f"cannot read {path}: {os.strerror(error.errno or 0)}",
            remedy="see that you may read it, and try again",
            errno=error.errno,
        ) from error
    except ValueError as error:
        raise TraceError(f"{path} does not tell where the spool is: {error}") from error


def make_document(template: PartMetadata, trace: str, identity: str) -> bytes:
    """Return what a spool says about its capture, and where its trace is: a checksum (CRC32 in hex), and JSON.

    Raises:
        InputError: It would be larger than a recovery reads.
    """
    place = asdict(_Place(os.path.abspath(trace), identity))
    text = json.dumps({**place, **json.loads(template.to_json())}).encode()
    if len(text) > MOST_DOCUMENT_BYTES - _CHECKSUM_BYTES:
        raise InputError(
            f"what is to be recorded takes {len(text):,} bytes to describe, and {MOST_DOCUMENT_BYTES:,} are allowed; "
            "record fewer registers at once"
        )
    return b"%08x %b" % (zlib.crc32(text), text)


def parse_document(text: bytes, where: str) -> SpoolDocument:
    """Return what a spool says about its capture.

    Raises:
        TraceError: It is no such document, or a damaged one.
    """
    checksum, _, body = text.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        raise TraceError(f"{where}: the document in its header is damaged")
    try:
        document = load_json(body)
        if not isinstance(document, dict):
            raise ValueError("it is no object")
        place = decode(_Place, {name: document.pop(name, None) for name in ("trace", "identity")})
    except ValueError as error:
        raise TraceError(f"{where}: {_DAMAGED} ({error})") from error
    template = PartMetadata.from_json(json.dumps(document).encode(), where)
    if not template.clock.anchors:
        raise TraceError(f"{where}: {_DAMAGED} (it has no reading of the clock)")
    return SpoolDocument(template, place.trace, place.identity)
