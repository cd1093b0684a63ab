"""Commands: `regtap bench` and `compare`; `report` is a command of regtap_analysis, which knows traces too."""

# The line of each command in `regtap --help`, which so imports none of them; tests/unit/test_commands.py compares them
# with what the commands say themselves.
HELP_LINES = {
    "bench": "Measure what each way to a register costs.",
    "compare": "Say what became slower between two benchmarks.",
}
