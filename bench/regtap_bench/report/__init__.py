"""The reports of a result, and the folder of its files."""
