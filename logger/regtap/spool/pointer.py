"""The pointer in the folder of a trace to the spool of its capture: the file `_spool`.

A pointer is believed by its owner only, and a spool only where it is the very file that the pointer means: made in
this boot, with that device and inode number, private, the same user's, and with the pointer's random identity in
its document. Shared memory is open to every user, so that a name there proves nothing.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from regtap.documents.decoding import Matching, Within, decode
from regtap.documents.json_text import load_json
from regtap.errors import RefusedError, TraceError
from regtap.system.files import read_own_file
from regtap.system.host import boot_id
from regtap.trace.files import SPOOL_POINTER

if TYPE_CHECKING:
    from pathlib import Path

_POINTER_BYTES = 16 << 10
_LARGEST = (1 << 64) - 1
# No zero, and no half of a character but those that stand for bytes that are no UTF-8 (os.fsdecode).
PathText = Annotated[str, Matching(r"[^\0\ud800-\udc7f\udd00-\udfff]{1,4096}")]
Identity = Annotated[str, Matching("[0-9a-f]{32}")]


@dataclass(frozen=True, slots=True)
class SpoolPointer:
    """The pointer in a trace's folder.

    Attributes:
        spool: Path of the spool.
        boot_id: The boot in which it was made.
        device: Device number of the spool's file.
        inode: Its inode number.
        identity: A random number in hexadecimal, which the spool's document has too.
    """

    spool: PathText
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


def new_identity() -> str:
    """Return an identity that no other spool has."""
    return secrets.token_hex(16)


def read_pointer(folder: Path) -> SpoolPointer | None:
    """Return the pointer in a trace's folder, or None where there is none.

    Raises:
        TraceError: It is damaged, or not to be believed: another user's, or writable for others.
        RefusedError: The system does not let it be read.
    """
    path = folder / SPOOL_POINTER
    try:
        return decode(SpoolPointer, load_json(read_own_file(path, _POINTER_BYTES)))
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
