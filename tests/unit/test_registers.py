from __future__ import annotations

import mmap

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from regtap.errors import AddressError, InputError
from regtap.registers.model import TYPES, Field, Register, RegisterMap
from regtap.registers.ranges import RegisterRange, parse_range
from regtap.registers.spelling import parse_register

UNHURRIED = settings(deadline=None)  # a loaded machine is no failure
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).filter(lambda name: name != "t_ns")
PAGE = mmap.PAGESIZE


@st.composite
def registers(draw: st.DrawFn) -> Register:
    type_name = draw(st.sampled_from(TYPES))
    width_bytes = Register("r", 0, type_name).width_bytes
    return Register(draw(NAMES), draw(st.integers(0, 2**64 // width_bytes - 1)) * width_bytes, type_name)


@UNHURRIED
@given(registers())
def test_a_register_comes_back_from_its_spelling(register: Register) -> None:
    assert parse_register(f"{register.name}={register.address:#x}:{register.type}") == register


@UNHURRIED
@given(registers())
def test_a_register_without_a_name_is_named_by_its_address(register: Register) -> None:
    parsed = parse_register(f"{register.address}:{register.type}")
    assert parsed == Register(f"r_{register.address:x}", register.address, register.type)


@UNHURRIED
@given(st.integers(0, 2**64 - 1), st.sampled_from(TYPES))
def test_a_register_is_refused_exactly_when_it_is_misaligned(address: int, type_name: str) -> None:
    width_bytes = Register("r", 0, type_name).width_bytes
    if address % width_bytes:
        with pytest.raises(AddressError, match="not aligned") as caught:
            Register("r", address, type_name)
        assert caught.value.address == address
    else:
        assert Register("r", address, type_name).address == address


@pytest.mark.parametrize("address", [-4, 2**64, 2**70])
def test_an_address_over_64_bits_is_refused(address: int) -> None:
    with pytest.raises(AddressError, match="64 bits"):
        Register("r", address)


def test_a_type_is_u32_where_none_is_given() -> None:
    assert parse_register("0xFED000F0").type == "u32"


def test_a_known_name_is_taken_from_the_map() -> None:
    status = Register("STATUS", 8, fields=(Field("BUSY", 0, 1),))
    assert parse_register("STATUS", RegisterMap((status,))) is status


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'STATE'.*STATUS COUNT"):
        parse_register("STATE", RegisterMap((Register("STATUS", 0), Register("COUNT", 4))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=0x10",
        "0x10:",
        "0x10:u33",
        "0x10:U32",
        "a b=0x10",
        "t_ns=0x10",
        "latency_ns=0",
        "1a=0x10",
        "A=",
        "A=B",
        "-4",
        "0x10:u32:u32",
    ],
)
def test_what_is_no_register_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_register(text)
    assert "\n" not in str(caught.value)


@UNHURRIED
@given(st.text(max_size=30))
@example("0/:\n")
def test_any_text_is_a_register_or_refused_in_one_line(text: str) -> None:
    try:
        parse_register(text)
        parse_range(text)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


@UNHURRIED
@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.data())
def test_a_field_is_its_bits_and_no_others(value: int, lsb: int, data: st.DataObject) -> None:
    bits = data.draw(st.integers(1, 32 - lsb))
    binary = f"{value:032b}"[::-1]
    assert Field("F", lsb, bits).extract(value) == int(binary[lsb : lsb + bits][::-1], 2)


def test_a_value_is_decoded_field_by_field_in_the_maps_order() -> None:
    register = Register("S", 0, fields=(Field("BUSY", 0, 1), Field("LEVEL", 8, 8)))
    assert list(register.decode(0x4201).items()) == [("BUSY", 1), ("LEVEL", 0x42)]


@UNHURRIED
@given(registers(), st.integers(-(2**70), 2**70))
def test_a_value_fits_exactly_from_0_to_all_ones(register: Register, value: int) -> None:
    if 0 <= value < 2 ** (8 * register.width_bytes):
        register.check_value(value)
    else:
        with pytest.raises(InputError, match="does not fit"):
            register.check_value(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x0+64", RegisterRange(0, 16)),
        ("0x10+0x20:u8", RegisterRange(0x10, 32, "u8")),
        ("4096+4KiB:u64", RegisterRange(4096, 512, "u64")),
        ("0x10", None),
        ("A=0x10", None),
        ("A+16", None),
        ("zz+4", None),
    ],
)
def test_a_range_is_address_plus_bytes(text: str, expected: RegisterRange | None) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize(
    "text", ["0+", "0+6", "0+0", "0+0x0", "0+x", "0+4:", "0+4:u12", "0+-4", "0+1+1", "0z+4"]
)
def test_a_wrong_range_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_range(text)


@pytest.mark.parametrize("text", ["0x2+8", "0xfffffffffffffff8+16", "0xfffffffffffffffc+8:u32"])
def test_a_misaligned_or_overflowing_range_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_range(text)


@UNHURRIED
@given(st.integers(0, 10**6), st.integers(1, 3000), st.sampled_from(TYPES))
def test_the_words_of_a_range_follow_each_other_without_a_hole(
    first: int, count: int, type_name: str
) -> None:
    width_bytes = Register("r", 0, type_name).width_bytes
    addresses = [word.address for word in RegisterRange(first * width_bytes, count, type_name).words()]
    assert addresses == [(first + index) * width_bytes for index in range(count)]


@UNHURRIED
@given(st.integers(0, 10**6), st.integers(1, 3000), st.sampled_from(TYPES))
def test_the_landmarks_of_a_range_touch_exactly_its_pages(first: int, count: int, type_name: str) -> None:
    width_bytes = Register("r", 0, type_name).width_bytes
    dumped = RegisterRange(first * width_bytes, count, type_name)

    touched = {word.address // PAGE for word in dumped.landmarks(PAGE)}
    assert touched == {word.address // PAGE for word in dumped.words()}
