"""Signals of a trace, reduced to the columns of a screen."""
