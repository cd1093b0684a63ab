"""The parts that all reports share: the page's style, tables for any medium, and charts that need no picture file."""
