"""Smallest and largest values of fields, found by two passes over the bits of their register."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regtap.registers.model import Field, Register
from regtap_analysis.signals.extremes import extremes
from regtap_analysis.signals.model import Signal

FIELDS = (Field("READY", 0, 1), Field("LEVEL", 4, 4), Field("TOP", 31, 1), Field("ALL", 0, 32))
STATUS = Register("STATUS", 0x20, fields=FIELDS)
SIGNALS = [Signal(STATUS), *(Signal(STATUS, field) for field in FIELDS)]
VALUES = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 0x10, 0x20, 0x80000000, 2**32 - 1]))


@given(st.lists(st.lists(VALUES, min_size=1, max_size=6), min_size=1, max_size=6))
def test_bounds_of_each_run_are_those_of_its_samples(runs: list[list[int]]) -> None:
    values = np.array([value for run in runs for value in run], np.uint32)
    starts = np.cumsum([0, *(len(run) for run in runs[:-1])])

    found = list(extremes(values, starts, SIGNALS))

    assert [signal for signal, _, _ in found] == SIGNALS
    for signal, low, high in found:
        picked = [
            [value if signal.field is None else signal.field.extract(value) for value in run] for run in runs
        ]
        assert low.tolist() == [min(run) for run in picked]
        assert high.tolist() == [max(run) for run in picked]
        assert low.dtype == high.dtype == np.uint32
