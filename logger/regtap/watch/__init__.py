"""A live view of registers in the terminal."""
