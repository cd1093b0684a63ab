"""Commands: `regtap bench`, `compare` and `report`."""

# The line of each command in `regtap --help`, which so imports none of them; tests/unit/test_commands.py compares them
# with what the commands say themselves.
HELP_LINES = {
    "bench": "Measure what each way to a register costs.",
    "compare": "Say what became slower between two benchmarks.",
    "report": "Make a benchmark's reports again.",
}
