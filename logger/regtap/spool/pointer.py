"""The pointer in the folder of a trace to the spool of its capture: the file `_spool`.

Shared memory is open to every user, so that a name there proves nothing. Only the owner of a trace believes its
pointer, and a file is the spool only if it was made in the same boot, has the device and inode numbers of the pointer,
is private, belongs to the same user, and has the pointer's random identity in its document.
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
# No zero, and no surrogates but those by which os.fsdecode() shows bytes that are no UTF-8.
PathText = Annotated[str, Matching(r"[^\0\ud800-\udc7f\udd00-\udfff]{1,4096}")]
Identity = Annotated[str, Matching("[0-9a-f]{32}")]


@dataclass(frozen=True, slots=True)
class SpoolPointer:
    """The content of the pointer in a trace's folder.

    Attributes:
        spool: Path of the spool.
        boot_id: Boot in which the spool was made.
        device: Device number of the spool's file.
        inode: Inode number of the spool's file.
        identity: A random number in hexadecimal; the spool's document has the same one.
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
        """Return whether a file is the spool of this pointer.

        Args:
            status: The file's fstat().
        """
        return self.boot_id == boot_id() and (self.device, self.inode) == (status.st_dev, status.st_ino)


def new_identity() -> str:
    """Return a new random identity."""
    return secrets.token_hex(16)


def read_pointer(folder: Path) -> SpoolPointer | None:
    """Return the pointer in a trace's folder; None: the folder has no pointer.

    Raises:
        TraceError: The pointer is damaged, belongs to another user, or others may write to it.
        RefusedError: The system does not let this process read the pointer.
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
