"""The figures of a result, from timed blocks: costs, ratios, verdicts, and controls."""
