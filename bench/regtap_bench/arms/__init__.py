"""The arms: every way to a register, as an object; and the register itself, opened for them."""
