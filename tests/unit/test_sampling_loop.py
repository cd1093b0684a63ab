"""The native sampling loop and its Python twin, under the same tests."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests import twins

from regtap import _native

Loop = Callable[..., tuple[int, int, int]]
Channel = tuple[_native.Window, int, _native.Kind]

PAGE = bytes(range(256)) * 16
KINDS = [kind.name for kind in _native.Kind]
UNPACK = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "u16be": ">H", "u32be": ">I", "u64be": ">Q"}


@pytest.fixture(params=[_native.sample_into, twins.sample_into], ids=["native", "twin"])
def loop(request: pytest.FixtureRequest) -> Loop:
    chosen: Loop = request.param
    return chosen


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(PAGE)
    return path


def window_on(path: Path, *, writable: bool = False) -> _native.Window:
    fd = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
    try:
        return _native.Window(fd, offset=0, size=path.stat().st_size, writable=writable)
    finally:
        os.close(fd)


def arrays_for(kinds: list[str], rows: int) -> tuple[np.ndarray[Any, Any], list[np.ndarray[Any, Any]]]:
    values = [np.zeros(rows, dtype=f"u{struct.calcsize(UNPACK[kind])}") for kind in kinds]
    return np.zeros(rows, dtype=np.uint64), values


def run(loop: Loop, channels: list[Channel], ticks: Any, values: Any, first: int = 0) -> tuple[int, int, int]:
    return loop(
        channels=channels,
        ticks=ticks,
        values=values,
        first=first,
        source=_native.best_source(False),
        slice_ns=0,
        last=0,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_register_of_each_kind_has_its_value(loop: Loop, page: Path, kind: str) -> None:
    channels = [(window_on(page), 8, _native.Kind[kind])]
    ticks, values = arrays_for([kind], 50)

    assert run(loop, channels, ticks, values)[:2] == (50, -1)
    assert set(values[0].tolist()) == {struct.unpack_from(UNPACK[kind], PAGE, 8)[0]}


def test_registers_of_mixed_widths_keep_their_columns(loop: Loop, page: Path) -> None:
    window = window_on(page)
    channels = [(window, 8 * (k + 1), _native.Kind[kind]) for k, kind in enumerate(KINDS)]
    ticks, values = arrays_for(KINDS, 20)
    assert run(loop, channels, ticks, values)[0] == 20

    for k, kind in enumerate(KINDS):
        assert set(values[k].tolist()) == {struct.unpack_from(UNPACK[kind], PAGE, 8 * (k + 1))[0]}


def test_ticks_never_decrease(loop: Loop, page: Path) -> None:
    ticks, values = arrays_for(["u32"], 2000)
    run(loop, [(window_on(page), 0, _native.Kind.u32)], ticks, values)

    assert np.all(np.diff(ticks.astype(np.int64)) >= 0)
    assert ticks[0] > 0


def test_rows_before_the_first_stay_untouched(loop: Loop, page: Path) -> None:
    ticks, values = arrays_for(["u32"], 10)

    assert run(loop, [(window_on(page), 4, _native.Kind.u32)], ticks, values, first=7)[0] == 3
    assert np.count_nonzero(ticks) == 3
    assert values[0][:7].tolist() == [0] * 7


def test_a_bus_error_names_its_register_and_keeps_earlier_rows(loop: Loop, tmp_path: Path) -> None:
    path = tmp_path / "device"
    path.write_bytes(bytes(8192))
    window = window_on(path)
    os.truncate(path, 4096)  # the second page is gone
    channels = [(window, 0, _native.Kind.u32), (window, 4096, _native.Kind.u16)]
    ticks, values = arrays_for(["u32", "u16"], 5)
    assert run(loop, channels, ticks, values)[:2] == (0, 1)

    # and the process goes on: the same loop works on what is left
    ticks, values = arrays_for(["u32"], 5)

    assert run(loop, channels[:1], ticks, values)[:2] == (5, -1)


@pytest.mark.parametrize(
    ("kind", "wrong"), [("u32", np.uint16), ("u32", np.int32), ("u32", np.float32), ("u8", np.uint64)]
)
def test_an_array_of_another_type_is_refused_and_stays_untouched(page: Path, kind: str, wrong: Any) -> None:
    ticks = np.zeros(4, dtype=np.uint64)
    values = [np.zeros(4, dtype=wrong)]

    with pytest.raises((ValueError, TypeError)):
        run(_native.sample_into, [(window_on(page), 8, _native.Kind[kind])], ticks, values)

    assert not values[0].any()
    assert not ticks.any()


@pytest.mark.parametrize(
    ("offset", "kind"), [(4094, "u32"), (4096, "u8"), (2, "u32"), (2**63, "u64"), (4089, "u64")]
)
def test_a_place_outside_the_window_or_misaligned_is_refused(page: Path, offset: int, kind: str) -> None:
    ticks, values = arrays_for([kind], 4)
    with pytest.raises(ValueError, match="access"):
        run(_native.sample_into, [(window_on(page), offset, _native.Kind[kind])], ticks, values)


def test_a_window_is_read_only_unless_asked(page: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        window_on(page).store(0, 4, value=1)
    writable = window_on(page, writable=True)
    writable.store(0, 4, value=0x01020304)

    assert page.read_bytes()[:4] == b"\x04\x03\x02\x01"


def test_a_closed_window_is_refused(page: Path) -> None:
    window = window_on(page)
    window.close()
    window.close()

    with pytest.raises(ValueError, match="closed"):
        window.load(0, 4)


@given(
    deltas=st.lists(st.integers(0, 10**7), min_size=1, max_size=50),
    segments=st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10**9)), min_size=1, max_size=5),
    floor_ns=st.integers(-1, 10**6),
)
@example(  # times beyond 2**31, which an array of a 32-bit board's own integers cannot hold
    deltas=[65538], segments=[(1, 147483648), (65536, 10**9), (3, 10**9)], floor_ns=0
)
def test_conversion_agrees_with_exact_arithmetic(
    deltas: list[int], segments: list[tuple[int, int]], floor_ns: int
) -> None:
    anchor_ticks = np.cumsum([0, *(step for step, _ in segments)], dtype=np.uint64)
    anchor_ns = np.cumsum([0, *(step for _, step in segments)], dtype=np.int64)
    ticks = np.minimum(np.cumsum(deltas, dtype=np.uint64), anchor_ticks[-1])
    native, exact = np.zeros(len(ticks), np.int64), np.zeros(len(ticks), np.int64)
    last, longest = _native.convert_ticks(ticks, native, anchor_ticks, anchor_ns, floor_ns)

    _, exact_longest = twins.convert_ticks(ticks, exact, anchor_ticks, anchor_ns, floor_ns)

    assert np.abs(native - exact).max() <= 1  # a double's rounding
    assert np.all(np.diff(native) >= 0)
    assert last == native[-1]
    assert abs(longest - exact_longest) <= 1


@pytest.mark.parametrize("convert", [_native.convert_ticks, twins.convert_ticks], ids=["native", "twin"])
def test_conversion_never_goes_below_its_floor(convert: Callable[..., tuple[int, int]]) -> None:
    ticks = np.array([10, 20, 300], np.uint64)
    ns = np.zeros(3, np.int64)

    result = convert(ticks, ns, np.array([0, 1000], np.uint64), np.array([0, 1000], np.int64), 150)

    assert ns.tolist() == [150, 150, 300]
    assert result == (300, 150)
