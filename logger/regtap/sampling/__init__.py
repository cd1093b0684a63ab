"""Sampling: the native loops, and the orders that they take."""
