"""Opening the files of a run: the result, and all timed blocks.

from regtap_bench.results import open_blocks, open_result
result = open_result("results/20260102T030405Z-host")
blocks = open_blocks("results/20260102T030405Z-host")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.system.files import open_regular
from regtap_bench.arms.base import REGULAR
from regtap_bench.figures.completeness import check_complete
from regtap_bench.figures.result import MOST_BYTES, Result

if TYPE_CHECKING:
    from regtap_bench.measuring.blocks import Blocks

__all__ = ["open_blocks", "open_result"]

_RESULT, _RAW = "result.json", "raw.parquet"


def open_result(path: str) -> Result:
    """Return the result of a run.

    Args:
        path: Its folder, or its result.json.

    Raises:
        InputError: There is none, or it is damaged or of another version.
        OSError: It cannot be read.
    """
    path = _file(path, _RESULT)
    try:
        with open_regular(path) as file:
            content = file.read(MOST_BYTES + 1)  # one more is refused
        result = Result.from_json(content.decode())
        check_complete(result)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except ValueError as error:  # no regular file, or no UTF-8
        raise InputError(f"{path}: this is no result of `regtap bench`") from error
    return result


def open_blocks(path: str, cadence: str = REGULAR) -> Blocks:
    """Return all timed blocks of a run, bit for bit.

    Args:
        path: Its folder, or its raw.parquet.
        cadence: `regular`; or those of the arms that have rounds of their own: `bulk` (reads of many bytes), `slow`.

    Raises:
        InputError: There are none, or the file is damaged.
        OSError: It cannot be read.
    """
    from regtap_bench.measuring import raw_parquet  # imports numpy

    groups = raw_parquet.read(_file(path, _RAW))
    if cadence not in groups:
        raise InputError(f"{path} has no {cadence} blocks, only {', '.join(groups)}")
    return groups[cadence]


def _file(path: str, name: str) -> str:
    file = os.path.join(path, name) if os.path.isdir(path) else path
    if not os.path.exists(file):
        what = f"there is no {name} in {path}" if os.path.isdir(path) else f"{path} does not exist"
        raise InputError(f"{what}; name a folder that `regtap bench` has made")
    return file
