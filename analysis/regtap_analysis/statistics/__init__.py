"""Statistics: the usual questions about a trace, written once for every engine."""
