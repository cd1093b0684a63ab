"""Ranges of the values in a trace's documents."""

from __future__ import annotations

from typing import Annotated

from regtap.documents.decoding import Matching, Within

LARGEST = 1 << 62  # of counts, times and ticks: sums and differences of two stay within 64 bits

Count = Annotated[int, Within(0, LARGEST)]
TimeNs = Annotated[int, Within(-LARGEST, LARGEST)]
Uncertainty = Annotated[float, Within(0, LARGEST)]
Word = Annotated[str, Matching("[a-z][a-z_]{0,31}")]
