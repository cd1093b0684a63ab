"""Latches between the threads of a capture."""

from regtap._native import Latch, call_then_open, end_and_join, run_then_open

__all__ = ["Latch", "call_then_open", "end_and_join", "run_then_open"]
