"""What a collection of traces holds, from the footers of its parts alone."""
