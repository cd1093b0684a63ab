"""The questions that everybody asks of a trace, written once for every engine."""
