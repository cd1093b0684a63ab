"""Loads pyarrow, which reading the rows of a trace and `--compress zstd` need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regtap.errors import RefusedError

if TYPE_CHECKING:
    import numpy.typing as npt


def shared_values(column: Any) -> npt.NDArray[Any]:
    """Return the values of a pyarrow array without nulls, in its own memory and read-only.

    Its own to_numpy() imports pandas, where that is installed: 0.3 s of CPU.
    """
    import numpy as np

    values: npt.NDArray[Any] = np.from_dlpack(column)
    return values


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
