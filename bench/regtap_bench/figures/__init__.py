"""From timed blocks to costs, ratios, verdicts, and what the controls say: the result."""
