"""Traces in the browser: a server on this machine alone, its page, and the same page as one file."""
