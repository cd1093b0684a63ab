"""Traces: the format of a trace, and its reader."""
