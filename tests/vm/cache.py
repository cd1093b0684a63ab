"""Where what the guests are made of is kept, and when it is made anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).parents[2]
CACHE = PROJECT / "build/vm"
AMD64 = CACHE / "amd64"
ARM64 = CACHE / "arm64"
ARMHF = CACHE / "armhf"
RUNS = CACHE / "runs"  # what the guests left behind the last time


def keep(folder: Path, recipe: str, make: Callable[[Path], None]) -> None:
    """Make a folder unless it was already made, to its end, by the same recipe.

    Args:
        folder: What to make.
        recipe: A text that changes when the folder must be made anew.
        make: Fills the folder, which is empty.
    """
    stamp = folder / ".complete"
    if stamp.exists() and stamp.read_text() == recipe:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    stamp.write_text(recipe)
