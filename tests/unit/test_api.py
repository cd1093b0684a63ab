"""What people hand over in Python: any number is one, and anything else is an InputError that says what to write."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regtap


def described(**options: Any) -> regtap.Capture:
    registers = options.pop("registers", "a=0")
    return regtap.record(registers, "/nowhere/run", **{"target": "sim", **options})


@pytest.mark.parametrize("rate", [1000, 1000.0, np.float32(1000), np.int64(1000), Fraction(1000), "1k"])
def test_a_rate_is_a_number_of_any_type(rate: Any) -> None:
    assert described(rate=rate).options.rate_hz == 1000


@pytest.mark.parametrize("duration", [2, 2.0, np.float32(2), np.int64(2), Fraction(2), "2s"])
def test_a_duration_is_a_number_of_any_type(duration: Any) -> None:
    assert described(duration=duration).options.duration_ns == 2_000_000_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": [1]}, "a rate is a number or a text"),
        ({"rate": True}, "a rate is a number or a text"),
        ({"duration": 1e300}, "a duration of 1e\\+300 s cannot be kept"),
        ({"duration": 10**400}, "cannot be kept"),
        ({"keep_last": 1e300, "on_full": "overwrite"}, "cannot be kept"),
        ({"durable": None}, "a duration is a number or a text"),
        ({"target": Path("sim")}, "a target is a text, not PosixPath"),
        ({"cpu": "0"}, "a CPU is a number, not '0'"),
        ({"samples": 1.5}, "not a count"),
        ({"registers": 16}, "16 is no register"),
        ({"registers": [None]}, "None is no register"),
        ({"registers": {"a": 0}}, "is no register"),
    ],
)
def test_what_makes_no_sense_is_an_input_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(regtap.InputError, match=message):
        described(**options)


@pytest.mark.parametrize("name", ["duration_ns", "samples", "keep_ns", "spool_bytes"])
@pytest.mark.parametrize("value", [0, -1, 2**63, 1.0, "1"])
def test_an_option_is_a_whole_number_of_63_bits(name: str, value: Any) -> None:
    with pytest.raises(regtap.InputError, match=f"{name} is .*; it must be a whole number"):
        regtap.RecordOptions(on_full="overwrite", **{name: value})


@pytest.mark.parametrize(
    ("ticks", "values", "message"),
    [
        ([0, 0], np.zeros(2, np.uint32), "given for ticks is a list"),
        (np.zeros(2, np.uint64), [[0, 0]], "given for COUNT32 is a list"),
        (np.zeros(2, np.uint64), None, "given for COUNT32 is a NoneType"),
    ],
)
def test_sample_takes_numpy_arrays_only(ticks: Any, values: Any, message: str) -> None:
    with pytest.raises(regtap.InputError, match=message):
        regtap.sample("COUNT32", values=values, ticks=ticks, target="sim")
