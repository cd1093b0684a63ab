"""Loads pyarrow, which reading the rows of a trace and `--compress zstd` need."""

from __future__ import annotations

from typing import Any

from regtap.errors import RefusedError


def load_arrow(purpose: str = "reading the rows of a trace") -> Any:
    """Return the pyarrow module.

    Args:
        purpose: The words before "needs pyarrow".

    Raises:
        RefusedError: It is not installed, or cannot be loaded.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise RefusedError(
            f"{purpose} needs pyarrow, which cannot be loaded here ({error})", remedy="pip install pyarrow"
        ) from error
    return pyarrow
