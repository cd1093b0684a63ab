"""Recording: one capture, from its options to its summary."""
