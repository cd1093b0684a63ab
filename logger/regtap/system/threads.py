"""Starting threads where memory or the number of threads is limited."""

from __future__ import annotations

import contextlib
import resource
from typing import TYPE_CHECKING

from regtap.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def no_thread_refused() -> Iterator[None]:
    """Turn the errors of starting a thread, Python's or a native one, and its buffers into RefusedError."""
    try:
        yield
    except (RuntimeError, OSError, MemoryError) as error:
        if (
            isinstance(error, MemoryError)
            or resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
        ):
            raise RefusedError(
                "this process gets no memory for its threads and their buffers",
                remedy="raise its limit (ulimit -v), or give a smaller --spool-size",
            ) from error
        raise RefusedError(
            "the system lets this process start no more threads",
            remedy="raise the limit (ulimit -u, or the container's pids.max)",
        ) from error
