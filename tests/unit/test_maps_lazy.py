"""Registers of arrays are made when they are asked for: by address, and in the order of the addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.register_maps import maps_of

from regtap.maps import model
from regtap.maps.lookup import Maps
from regtap.maps.model import (
    DeviceMap,
    Entry,
    Group,
    Member,
    Node,
    RegisterNode,
    Repeat,
    all_entries,
    entries_by_address,
)

HUGE = """
[blocks.RAM]
address = 0x1000
count = 1000
step = 0x10000
registers.WORD = { offset = 0x100, count = 1000, step = 4 }
"""


@st.composite
def members(draw: st.DrawFn, level: int = 0) -> Member:
    repeat = Repeat(draw(st.integers(1, 5)), draw(st.integers(0, 40))) if draw(st.booleans()) else None
    name = "r[%s]" if repeat else "r"
    offset = draw(st.integers(0, 60))
    if level < 2 and draw(st.booleans()):
        inner = tuple(draw(st.lists(members(level + 1), max_size=3)))
        return Group(name=name, offset=offset, repeat=repeat, members=inner)
    return RegisterNode(
        name=name, offset=offset, repeat=repeat, bits=draw(st.sampled_from([8, 16, 32, 64, 96]))
    )


@st.composite
def devices(draw: st.DrawFn) -> DeviceMap:
    inside = tuple(draw(st.lists(members(), max_size=4)))
    return DeviceMap("", "made", "by hand", Group(name="", offset=draw(st.integers(0, 9)), members=inside))


@given(device=devices(), address=st.integers(0, 300), size=st.integers(1, 20))
def test_the_registers_at_an_address_are_those_of_a_full_search(
    device: DeviceMap, address: int, size: int
) -> None:
    found = Maps((device,)).at(address, size)

    searched = [it for it in all_entries(device) if it.address < address + size and it.end > address]
    assert found == sorted(searched, key=lambda it: it.address)


@given(device=devices())
def test_entries_by_address_are_all_entries_in_that_order(device: DeviceMap) -> None:
    ordered = list(entries_by_address(device.root, base=device.root.offset))

    assert [it.address for it in ordered] == sorted(it.address for it in all_entries(device))
    assert {id(it.node) for it in ordered} == {id(it.node) for it in all_entries(device)}
    assert sorted(map(_spelled, ordered)) == sorted(map(_spelled, all_entries(device)))


def _spelled(entry: Entry) -> tuple[str, int]:
    return entry.name, entry.address


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all entries that are made."""
    names: list[str] = []

    def entry(name: str, address: int, node: RegisterNode) -> Entry:
        names.append(name)
        return Entry(name, address, node)

    monkeypatch.setattr(model, "Entry", entry)
    return names


def test_an_address_makes_no_other_register(made: list[str]) -> None:
    (entry,) = maps_of(HUGE).at(0x1000 + 999 * 0x10000 + 0x100 + 4 * 500)

    assert made == [entry.name] == ["RAM[999].WORD[500]"]


def test_an_address_is_looked_for_in_few_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = maps_of("".join(f"registers.R{n} = {{ address = {4 * n} }}\n" for n in range(1000)))
    looked_at: list[str] = []
    indexes_in = Node.indexes_in

    def noted(self: Node, first: int, end: int) -> range:
        looked_at.append(self.name)
        return indexes_in(self, first, end)

    monkeypatch.setattr(Node, "indexes_in", noted)

    assert [entry.name for n in range(1000) for entry in maps.at(4 * n)] == [f"R{n}" for n in range(1000)]
    assert len(looked_at) == 1000


def test_an_unknown_name_makes_no_more_than_are_compared(made: list[str]) -> None:
    maps = maps_of(HUGE)

    assert "is a block" in str(maps.unknown("RAM[7]"))
    assert made == []
    assert maps.count == 1_000_000
    assert made == []
