"""Loading of matplotlib for files alone, whatever backend the environment names for a screen.

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
    """Import matplotlib with its backend for files; to be called before any module that draws is imported."""
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
    """Collect the characters without a glyph in any font, in place of matplotlib's warnings."""
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
