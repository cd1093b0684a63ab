"""The commands of this package, one a file."""

# The line of each command in `regtap --help`, which so imports none of them; tests/unit/test_commands.py compares them
# with what the commands say themselves.
HELP_LINES = {
    "plot": "Draw a trace as PNG or SVG.",
    "view": "Look at traces in the browser: zoom, cursors, search.",
    "demo": "See it work: capture, picture, benchmark; no device needed.",
    "report": "Report on a trace, or on a benchmark's result.",
    "query": "Ask traces a question in SQL.",
    "traces": "List the traces of a folder.",
    "export": "Write a trace as CSV, Parquet, Arrow, VCD, FST or Perfetto.",
    "stats": "Sum traces up: intervals, changes, states.",
}
