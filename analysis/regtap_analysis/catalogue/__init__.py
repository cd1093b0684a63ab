"""Catalogues of many traces, from the footers of their parts alone."""
