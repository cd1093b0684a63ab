"""The native sampling loop, and its orders."""
