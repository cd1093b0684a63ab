"""Where what the guests are made of is kept."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).parents[2]
CACHE = PROJECT / "build/vm"
AMD64 = CACHE / "amd64"
ARM64 = CACHE / "arm64"
