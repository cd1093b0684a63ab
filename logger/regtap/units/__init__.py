"""Quantities: texts such as `10k` or `2s` to numbers, and back."""
