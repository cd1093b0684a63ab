"""What a map costs before the first access: a vendor's SVD loaded and one name resolved, in a fresh process.

The figure is the CPU time of the whole process; one that only imports regtap takes turns with it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, interleave
from tests.benchmarks.recorder_bars.paired import median
from tests.torture.map_files import vendor_files

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

_WANTED_BYTES = 1_600_000
_BAR = Bar(0.2, True)
_EMPTY = "import time, regtap; print(time.process_time())"
_PROGRAM = """
import sys, time
from regtap.maps.load import load_maps
maps = load_maps([sys.argv[1]])
name = sys.argv[2] if len(sys.argv) > 2 else None
if name is None:
    print(next(iter(maps.entries())).name)
else:
    maps.register(maps.find(name).entry)
    print(time.process_time())
"""


def test_a_map_is_loaded_and_a_name_resolved(tmp_path: Path, settings: Settings, report: RecordBars) -> None:
    name, size, archive = min(vendor_files(), key=lambda it: abs(it[1] - _WANTED_BYTES))
    path = tmp_path / "vendor.svd"
    path.write_bytes(archive.read(name))
    register = _run(_PROGRAM, path)
    arms = [
        Arm("load", lambda: float(_run(_PROGRAM, path, register))),
        Arm("empty", lambda: float(_run(_EMPTY))),
    ]

    measured = interleave(arms, settings.startup_rounds, seed=settings.seed)

    report.keep_rounds("map load", "seconds of CPU", measured)
    empty = f"{measured.median('empty'):.3f} s of it Python and `import regtap`"
    how = f"{name}, {size / 1e6:.1f} MB, and {register}; {empty}"
    figure = Figure.of(
        "an SVD loaded and one name resolved, CPU", median(measured.values["load"]), "s", _BAR, how
    )
    report.add(82, figure)
    assert len(measured.values["load"]) == settings.startup_rounds


def _run(program: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
