"""Loads matplotlib for files alone: what the surroundings want of it on a screen does not matter.

A notebook names a backend in MPLBACKEND that need not exist here; without a home, or on a read-only disk, matplotlib
warns about its cache. Neither has to do with a picture that goes into a file.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BACKEND = "MPLBACKEND"
_GLYPH = re.compile(r"Glyph (\d+) .*missing from")


def load_matplotlib() -> None:
    """Import matplotlib with its backend for files, before any module here that draws; quick the second time."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    wanted = os.environ.get(_BACKEND)
    os.environ[_BACKEND] = "agg"
    try:
        import matplotlib as mpl  # noqa: F401 - to read its settings now
    finally:
        if wanted is None:
            del os.environ[_BACKEND]
        else:
            os.environ[_BACKEND] = wanted


@contextmanager
def missing_glyphs() -> Iterator[set[str]]:
    """Collect the characters that no font here has, instead of a warning for each place that has one."""
    missing: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield missing
    for warning in caught:
        glyph = _GLYPH.match(str(warning.message))
        if glyph is None:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        else:
            missing.add(chr(int(glyph[1])))
