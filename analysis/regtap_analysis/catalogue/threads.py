"""Waiting for several files at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_T = TypeVar("_T")
_R = TypeVar("_R")


def map_threaded(work: Callable[[_T], _R], items: Sequence[_T], most: int) -> list[_R]:
    """Return the results of a call for each item, in their order, by at most so many threads.

    One item is worked on in this thread: to import the pool takes longer than to read a footer.
    """
    if len(items) < 2:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(most, len(items))) as threads:
        return list(threads.map(work, items))
