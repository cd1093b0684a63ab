"""The loop of `regtap watch`: its counts against those of a plain Python twin, and while it runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import twins

from regtap import _native
from regtap.registers.model import Field, Register
from regtap.sampling.live import Activity, Item, LiveValues
from regtap.targets import parse_target
from regtap.targets.device import Device

Probe = tuple[int, int, int]
KINDS = [kind.name for kind in _native.Kind]
BYTES = 8  # of each register's place


class _Page:
    """A page that plays the device, and a monitor that takes a row when it is told to."""

    def __init__(self, path: Path, kinds: list[str], probes: list[Probe]) -> None:
        path.write_bytes(bytes(4096))
        self._fd = os.open(path, os.O_RDWR)
        window = _native.Window(self._fd, offset=0, size=4096, writable=False)
        self.monitor = _native.Monitor(
            channels=[(window, BYTES * k, _native.Kind[kind]) for k, kind in enumerate(kinds)],
            probes=probes,
            source=_native.best_source(False),
            numerator_ns=1000,
            denominator=1,
        )
        self._kinds = kinds

    def put(self, values: list[int]) -> None:
        """Let the registers have values, cut to their widths."""
        for k, (kind, value) in enumerate(zip(self._kinds, values, strict=True)):
            raw = twins.register_bytes(kind, value)
            os.pwrite(self._fd, raw, BYTES * k)

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def page_of(tmp_path: Path) -> Iterator[Callable[[list[str], list[Probe]], _Page]]:
    pages: list[_Page] = []

    def make(kinds: list[str], probes: list[Probe]) -> _Page:
        pages.append(_Page(tmp_path / "device", kinds, probes))
        return pages[-1]

    yield make
    for page in pages:
        page.close()


def _counts(found: _native.Activity) -> tuple[int, ...]:
    return (
        found.value,
        found.changes,
        found.smallest,
        found.largest,
        found.recent_smallest,
        found.recent_largest,
    )


@st.composite
def _stories(draw: st.DrawFn) -> tuple[list[str], list[Probe], list[list[int] | str]]:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    probe = st.tuples(
        st.integers(0, len(kinds) - 1), st.sampled_from([0, 0, 1, 5]), st.sampled_from([64, 8, 1])
    )
    values = st.one_of(st.sampled_from([0, 1, 2**64 - 1]), st.integers(0, 2**64 - 1))
    row = st.lists(values, min_size=len(kinds), max_size=len(kinds))
    steps = st.lists(st.one_of(row, row, st.sampled_from(["look", "restart"])), min_size=1, max_size=30)
    return kinds, draw(st.lists(probe, min_size=1, max_size=5)), draw(steps)


@settings(max_examples=60, deadline=None)
@given(story=_stories())
def test_counts_are_those_of_the_twin(
    story: tuple[list[str], list[Probe], list[list[int] | str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    kinds, probes, steps = story
    page = _Page(tmp_path_factory.mktemp("page") / "device", kinds, probes)
    twin = twins.Monitor(kinds, probes)

    for step in [*steps, "look"]:
        if step == "restart":
            page.monitor.restart()
            twin.restart()
        elif step == "look":
            found = [_counts(activity) for activity in page.monitor.look().activities if activity.is_read]
            assert found == twin.look()
        else:
            assert isinstance(step, list)
            page.put(step)
            page.monitor.take_row()
            twin.take_row(step)
    page.close()


def test_a_pulse_of_one_sample_is_counted(page_of: Callable[[list[str], list[Probe]], _Page]) -> None:
    page = page_of(["u32"], [(0, 0, 32)])
    for value in (7, 7):
        page.put([value])
        page.monitor.take_row()
    page.monitor.look()

    for value in (7, 900, 7, 7):
        page.put([value])
        page.monitor.take_row()

    assert _counts(page.monitor.look().activities[0]) == (7, 2, 7, 900, 7, 900)


def test_a_look_shows_extremes_of_its_own_interval(
    page_of: Callable[[list[str], list[Probe]], _Page],
) -> None:
    page = page_of(["u8"], [(0, 0, 8)])
    recent = []
    for values in ([5, 9, 5], [5], [4]):
        for value in values:
            page.put([value])
            page.monitor.take_row()
        found = page.monitor.look().activities[0]
        recent.append((found.recent_smallest, found.recent_largest))

    assert recent == [(5, 9), (5, 5), (4, 5)]


@pytest.mark.parametrize("probes", [[(1, 0, 32)], [(0, 64, 1)], [(0, 0, 0)], [(0, 0, 65)]])
def test_a_probe_of_nothing_is_refused(
    probes: list[Probe], page_of: Callable[[list[str], list[Probe]], _Page]
) -> None:
    with pytest.raises(ValueError, match="a probe"):
        page_of(["u32"], probes)


def _device(path: Path, registers: list[Register]) -> Device:
    return parse_target(f"file:{path}").open(registers)


def _wait(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_running_loop_counts_between_looks(tmp_path: Path) -> None:
    path = tmp_path / "device"
    path.write_bytes(bytes(4096))
    register = Register("STATUS", 0, "u32", (Field("BUSY", 0, 1), Field("LEVEL", 8, 8)))
    items = [Item(register), *(Item(register, field) for field in register.fields)]
    with (
        _device(path, [register]) as device,
        LiveValues(device, items, Fraction(2000), is_device=False) as values,
        path.open("r+b", buffering=0) as played,
    ):

        def seen(value: int) -> None:
            os.pwrite(played.fileno(), value.to_bytes(4, "little"), 0)
            _wait(lambda: values.look().activities[0].value == value)

        for value in (0, 0x101, 0x201, 0x200):
            seen(value)
        status, busy, level = values.look().activities

    assert (status.changes, busy.changes, level.changes) == (3, 2, 2)
    assert (level.smallest, level.largest) == (0, 2)


def test_a_bus_error_is_its_own_register_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "device"
    path.write_bytes(b"\1" * 8192)
    registers = [Register("A", 0), Register("B", 4096), Register("C", 8)]
    with (
        _device(path, registers) as device,
        LiveValues(device, [Item(it) for it in registers], Fraction(2000), is_device=False) as values,
    ):
        _wait(lambda: values.look().taken > 3)
        os.truncate(path, 4096)
        _wait(lambda: values.look().activities[1].is_faulted)
        with path.open("r+b") as played:
            os.pwrite(played.fileno(), b"\2", 8)
        _wait(lambda: values.look().activities[2].changes == 1)
        during = values.look().activities
        os.truncate(path, 8192)
        values.retry()
        _wait(lambda: not values.look().activities[1].is_faulted)
        after = values.look().activities[1]

    assert [activity.is_faulted for activity in during] == [False, True, False]
    assert during[1].value == 0x01010101  # from before the fault
    assert (after.value, after.changes) == (0, 1)


def test_nothing_is_known_before_the_first_row(page_of: Callable[[list[str], list[Probe]], _Page]) -> None:
    page = page_of(["u32"], [(0, 0, 32)])

    assert not page.monitor.look().activities[0].is_read
    assert Activity(None).changes == 0
