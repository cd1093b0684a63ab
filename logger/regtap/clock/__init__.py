"""The clock: from ticks to nanoseconds."""
