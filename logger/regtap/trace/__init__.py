"""Traces: their format, and reading them."""
