"""One capture: from its options to its summary."""
