"""The commands, one a file."""

# The line of each command in `regtap --help`, which so imports none of them; tests/unit/test_commands.py compares them
# with what the commands say themselves.
HELP_LINES = {
    "read": "Read registers, one access each.",
    "write": "Write a register by one store, or a field of it.",
    "watch": "Watch registers live in the terminal.",
    "record": "Record registers into a trace.",
    "info": "Show what a trace holds.",
    "recover": "Complete a trace that was cut off.",
    "sim": "Play the simulated device on PATH until Ctrl-C or SIGTERM.",
    "doctor": "Say what this machine can do, and what to change.",
    "map": "List, check and convert a register map.",
    "mark": "Name this moment in a running capture.",
    "dump": "Read many registers once, into a table or a file.",
    "diff": "Compare registers at two moments.",
    "selftest": "Check that regtap works on this machine.",
}
