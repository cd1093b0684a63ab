"""A result as a person reads it, and where its files go."""
