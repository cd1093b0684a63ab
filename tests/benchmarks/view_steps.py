"""What the page of `regtap view` asks for first, and at each step of random zooms, as a process of its own.

`python -m tests.benchmarks.view_steps TRACE ZOOMS` prints seconds as JSON: of the first picture, and of every step from
the disk ("cold": the parts were dropped from the page cache before it) and once more from memory ("warm").
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from regtap_analysis.signals.model import View
from regtap_analysis.view.columns import BUDGETS, columns_of
from regtap_analysis.view.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = 1200
_NARROWEST_NS = 20_000
_SEED = 1


def steps(whole: View, zooms: int) -> Iterator[View]:
    """Yield views: each of a random third of the one before, down to a few samples."""
    draw = random.Random(_SEED)
    for _ in range(zooms):
        first_ns, stop_ns = whole.first_ns, whole.stop_ns
        while stop_ns - first_ns > _NARROWEST_NS:
            span_ns = (stop_ns - first_ns) // 3
            first_ns = draw.randrange(first_ns, stop_ns - span_ns)
            stop_ns = first_ns + span_ns
            yield View(first_ns, stop_ns)


def look(session: Session, view: View) -> float:
    """Return how many seconds the answer for a view takes."""
    begun = time.perf_counter()
    columns_of(session, session.lanes, view, _COLUMNS, BUDGETS["1"])
    return time.perf_counter() - begun


def drop_from_memory(session: Session) -> None:
    """Drop a trace's parts from the page cache; they are on the disk, so nothing keeps them there."""
    for part in session.shown[0].trace.parts:
        with part.path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main(path: str, zooms: str) -> None:
    begun = time.perf_counter()
    session = Session([Path(path)])
    session.describe()
    look(session, session.view)
    first_s = time.perf_counter() - begun
    taken: dict[str, list[float]] = {"cold": [], "warm": []}
    for view in steps(session.view, int(zooms)):
        drop_from_memory(session)
        for state in taken.values():
            state.append(look(session, view))
    sys.stdout.write(json.dumps({"first": first_s, **taken}))


if __name__ == "__main__":
    main(*sys.argv[1:])
