"""The pointer in the folder of a trace to the spool of its capture."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import RefusedError, TraceError
from regtap.trace.files import SPOOL_POINTER

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SpoolNote:
    """The note in a trace's folder.

    Attributes:
        spool: Path of the spool.
        boot_id: The boot in which it was made.
    """

    spool: str
    boot_id: str


def read_note(folder: Path) -> SpoolNote | None:
    """Return the note in a trace's folder, or None where there is none.

    Raises:
        TraceError: It is damaged.
        RefusedError: The system does not let it be read.
    """
    try:
        fields = json.loads((folder / SPOOL_POINTER).read_bytes())
        return SpoolNote(os.fspath(fields["spool"]), str(fields["boot_id"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RefusedError(
            f"cannot read {folder / SPOOL_POINTER}: {os.strerror(error.errno or 0)}",
            remedy="see that you may read it, and try again",
            errno=error.errno,
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise TraceError(
            f"{folder / SPOOL_POINTER} cannot be read; find the spool by `regtap recover --list` and name it"
        ) from error
