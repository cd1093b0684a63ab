"""Recording: a capture, from its options to its summary."""
