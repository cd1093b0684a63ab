"""Latches between the threads of a capture."""

from regtap._native import Latch, end_and_join, run_then_open

__all__ = ["Latch", "end_and_join", "run_then_open"]
