"""Maps made at random: written as SVD and as TOML, and read back, they are the same."""

from __future__ import annotations

import string

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.register_maps import registers_of

from regtap.maps.model import DeviceMap, Effect, Group, Member, RegisterNode, Repeat
from regtap.maps.svd import read_svd
from regtap.maps.svd_fields import READ_EFFECTS
from regtap.maps.svd_write import write_svd
from regtap.maps.toml_map import read_toml
from regtap.maps.toml_write import write_toml
from regtap.registers.model import ACCESSES, WRITE_EFFECTS, Field, Value

UNHURRIED = settings(deadline=None, max_examples=15)
NAMES = st.text(string.ascii_letters, min_size=1, max_size=6)
# Both forms fold white space, and XML has no control characters.
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=8)
READ_EFFECT = st.sampled_from(["", *READ_EFFECTS.values()])
# SVD's word for `modifies` is what it says of registers that hold what is written, too.
WRITE_EFFECT = st.sampled_from(["", *(word for word in WRITE_EFFECTS if word != "modifies")])


@st.composite
def values(draw: st.DrawFn, bits: int) -> tuple[Value, ...]:
    uses = draw(st.sampled_from([("read-write",), ("read", "write"), ("read",)]))
    found: list[Value] = []
    for use in uses:
        for name in draw(st.lists(NAMES, max_size=3, unique=True)):
            any_bits = draw(st.integers(0, 2**bits - 1)) if draw(st.booleans()) else 0
            number = draw(st.integers(0, 2**bits - 1)) & ~any_bits
            found.append(Value(name, number, draw(WORDS), any_bits, use))
    return tuple(found)


@st.composite
def fields(draw: st.DrawFn, width: int) -> tuple[Field, ...]:
    found: list[Field] = []
    lsb = 0
    for name in draw(st.lists(NAMES, max_size=4, unique=True)):
        lsb += draw(st.integers(0, 3))
        bits = draw(st.integers(1, 8))
        if lsb + bits > width:
            break
        named = draw(values(bits))
        otherwise = draw(st.sampled_from(["", "Other"])) if any(v.use != "write" for v in named) else ""
        access = draw(st.sampled_from(["", *ACCESSES]))
        effects = draw(READ_EFFECT), draw(WRITE_EFFECT)
        found.append(Field(name, lsb, bits, draw(WORDS), named, otherwise, access, *effects))
        lsb += bits
    return tuple(found)


@st.composite
def repeats(draw: st.DrawFn, name: str) -> tuple[str, Repeat | None]:
    if not draw(st.booleans()):
        return name, None
    pattern = draw(st.sampled_from([f"{name}[%s]", f"{name}%s_E"]))
    count = draw(st.integers(1, 4))
    labels = tuple("ABCD"[:count]) if draw(st.booleans()) else ()
    return pattern, Repeat(count, 8 * draw(st.integers(0, 64)), labels)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> RegisterNode:
    width = draw(st.sampled_from([8, 16, 32, 64]))
    pattern, repeat = draw(repeats(name))
    inside = draw(fields(width))
    return RegisterNode(
        name=pattern,
        offset=8 * draw(st.integers(0, 2**16)),
        repeat=repeat,
        description=draw(WORDS),
        bits=width,
        access=draw(st.sampled_from(ACCESSES)),
        read_effect=draw(READ_EFFECT),
        write_effect=draw(WRITE_EFFECT),
        reset=draw(st.none() | st.integers(0, 2**width - 1)),
        load_fields=lambda: inside,
    )


@st.composite
def groups(draw: st.DrawFn, name: str, depth: int) -> Group:
    pattern, repeat = draw(repeats(name))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower))
    members: list[Member] = []
    for member in names:
        is_group = depth > 0 and draw(st.booleans())
        members.append(draw(groups(member, depth - 1)) if is_group else draw(nodes(member)))
    offset = 8 * draw(st.integers(0, 2**32))
    return Group(name=pattern, offset=offset, repeat=repeat, description=draw(WORDS), members=tuple(members))


@st.composite
def devices(draw: st.DrawFn) -> DeviceMap:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.lower))
    root = Group(name="", offset=0, members=tuple(draw(groups(name, 2)) for name in names))
    return DeviceMap("chip", "made up", "none", root, (Effect("*.A", "pops", None),))


@UNHURRIED
@given(devices())
def test_a_map_comes_back_from_toml(device: DeviceMap) -> None:
    back = read_toml(write_toml(device), "back.toml")

    assert registers_of(back) == registers_of(device)
    assert back.effects == device.effects


@UNHURRIED
@given(devices())
def test_a_map_comes_back_from_svd(device: DeviceMap) -> None:
    back = read_svd(write_svd(device), "back.svd")

    assert registers_of(back) == registers_of(device)


def test_the_extremes_come_back_from_toml() -> None:
    wide = RegisterNode(name="W", offset=0, bits=128)
    last = RegisterNode(name="L", offset=2**64 - 8, bits=64, reset=2**64 - 1, volatile=True, swapped=True)
    odd = RegisterNode(name="O", offset=8, bits=23, read_effect='pops "it" \x7f\u2028\n')
    device = DeviceMap("", "made up", "none", Group(name="", offset=0, members=(wide, last, odd)))

    back = read_toml(write_toml(device), "back.toml").root.members

    kept = [(node.name, node.offset, getattr(node, "bits", None)) for node in back]
    assert kept == [("W", 0, 128), ("L", 2**64 - 8, 64), ("O", 8, 23)]
    assert all(isinstance(node, RegisterNode) for node in back)
    assert [getattr(node, "read_effect", "") for node in back] == ["", "", odd.read_effect]
    assert [getattr(node, "swapped", None) for node in back] == [False, True, False]
    assert [getattr(node, "volatile", None) for node in back] == [False, True, False]


def test_registers_of_one_name_are_all_written() -> None:
    twice = tuple(RegisterNode(name="DATA", offset=offset) for offset in (0x30, 0x34))
    device = DeviceMap("", "made up", "none", Group(name="", offset=0, members=twice))

    back = registers_of(read_toml(write_toml(device), "back.toml"))

    assert [(register.name, register.address) for register in back] == [("DATA", 0x30), ("DATA_34_1", 0x34)]
