"""CMSIS-SVD: what vendors' files have in them, and what other readers get wrong."""

from __future__ import annotations

import pytest
from tests.register_maps import by_name, named, svd, svd_device

from regtap.errors import AddressError, InputError
from regtap.maps.svd import read_svd
from regtap.registers.model import Field, Register, Value


def field(name: str, place: str, more: str = "", attributes: str = "") -> str:
    return f"<field{attributes}><name>{name}</name>{place}{more}</field>"


def fields(*inside: str) -> str:
    return f"<fields>{''.join(inside)}</fields>"


def test_a_register_is_named_by_its_block_and_lies_in_it() -> None:
    device = svd(named("CR", 0x30, "<size>16</size><resetValue>0x300</resetValue>"))

    assert by_name(device) == {"UART.CR": Register("UART.CR", 0x1030, "u16", reset=0x300)}


def test_size_access_and_reset_come_from_the_nearest_level() -> None:
    cluster = (
        "<cluster><name>CH</name><addressOffset>0x10</addressOffset><size>8</size>"
        f"{named('IN')}{named('OWN', 1, '<access>read-write</access>')}</cluster>"
    )
    device = svd(
        cluster + named("OUT", 4),
        block="<size>16</size>",
        before="<access>read-only</access><resetValue>7</resetValue>",
    )

    found = {name: (it.type, it.access, it.reset) for name, it in by_name(device).items()}
    assert found == {
        "UART.CH.IN": ("u8", "read-only", 7),
        "UART.CH.OWN": ("u8", "read-write", 7),
        "UART.OUT": ("u16", "read-only", 7),
    }


def test_a_wide_register_does_not_widen_its_neighbours() -> None:
    """svdconv would: it takes the largest size of a block for all registers that declare none."""
    device = svd(named("LOW") + named("WIDE", 8, "<size>64</size>"), block="<size>16</size>")

    assert [register.type for register in by_name(device).values()] == ["u16", "u64"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("read", "read-only"),
        ("read-writeonce", "read-write-once"),
        ("writeOnce", "write-once"),
        ("Read-Only", "read-only"),
    ],
)
def test_access_words_are_understood_as_vendors_write_them(written: str, meant: str) -> None:
    device = svd(named("CR", 0, f"<access>{written}</access>"))

    assert by_name(device)["UART.CR"].access == meant


@pytest.mark.parametrize(
    ("place", "lsb", "bits"),
    [
        ("<bitRange>[7:4]</bitRange>", 4, 4),
        ("<bitRange>[4:7]</bitRange>", 4, 4),
        ("<bitOffset>3</bitOffset><bitWidth>2</bitWidth>", 3, 2),
        ("<bitOffset>3</bitOffset>", 3, 1),
        ("<lsb>0</lsb><msb>31</msb>", 0, 32),
    ],
)
def test_each_spelling_of_a_fields_bits_is_read(place: str, lsb: int, bits: int) -> None:
    device = svd(named("CR", 0, fields(field("F", place))))

    assert by_name(device)["UART.CR"].fields == (Field("F", lsb, bits),)


@pytest.mark.parametrize(
    ("written", "number", "any_bits"),
    [("#0101", 5, 0), ("0b11", 3, 0), ("0x1F", 31, 0), ("#1xx", 4, 3), ("0bxxx0", 0, 14), ("10", 10, 0)],
)
def test_a_value_is_binary_where_it_says_so_with_bits_left_open(
    written: str, number: int, any_bits: int
) -> None:
    value = f"<enumeratedValue><name>V</name><value>{written}</value></enumeratedValue>"
    inside = f"<enumeratedValues>{value}</enumeratedValues>"

    device = svd(named("CR", 0, fields(field("F", "<bitRange>[7:0]</bitRange>", inside))))

    assert by_name(device)["UART.CR"].fields[0].values == (Value("V", number, any_bits=any_bits),)


def test_names_for_reads_writes_and_other_values_are_told_apart() -> None:
    reading = "<enumeratedValue><name>Busy</name><value>1</value></enumeratedValue>"
    other = "<enumeratedValue><name>Idle</name><isDefault>true</isDefault></enumeratedValue>"
    writing = "<enumeratedValue><name>Start</name><value>1</value></enumeratedValue>"
    inside = (
        f"<enumeratedValues><usage>read</usage>{reading}{other}</enumeratedValues>"
        f"<enumeratedValues><usage>write</usage>{writing}</enumeratedValues>"
    )
    device = svd(named("CR", 0, fields(field("GO", "<bitRange>[1:0]</bitRange>", inside))))

    go = by_name(device)["UART.CR"].fields[0]

    assert [go.name_of(number) for number in range(4)] == ["Idle", "Busy", "Idle", "Idle"]
    assert (go.number_of("Start"), go.number_of("Busy")) == (1, None)


def test_effects_are_read_on_registers_and_on_fields() -> None:
    inside = field(
        "RX",
        "<bitRange>[7:0]</bitRange>",
        "<modifiedWriteValues>oneToClear</modifiedWriteValues><readAction>modify</readAction>",
    )
    device = svd(named("DR", 0, f"<readAction>clear</readAction>{fields(inside)}"))

    register = by_name(device)["UART.DR"]

    assert register.read_effect == "clears it"
    assert (register.fields[0].read_effect, register.fields[0].write_effect) == ("changes it", "one-clears")


@pytest.mark.parametrize(
    ("index", "labels"),
    [("", ["0", "1", "2"]), ("A,B,C", ["A", "B", "C"]), ("4-6", ["4", "5", "6"]), ("A-C", ["A", "B", "C"])],
)
def test_an_array_is_named_by_its_index(index: str, labels: list[str]) -> None:
    dim = f"<dim>3</dim><dimIncrement>4</dimIncrement>{f'<dimIndex>{index}</dimIndex>' if index else ''}"

    brackets = by_name(svd(named("R[%s]", 0, dim)))
    plain = by_name(svd(named("R%s_X", 0, dim)))

    assert list(brackets) == [f"UART.R[{label}]" for label in labels]
    assert list(plain) == [f"UART.R{label}_X" for label in labels]
    assert [register.address for register in plain.values()] == [0x1000, 0x1004, 0x1008]


def test_clusters_in_clusters_in_arrays_are_where_they_lie() -> None:
    inner = "<cluster><name>Q</name><addressOffset>0x8</addressOffset>" + named("R", 4) + "</cluster>"
    outer = (
        "<cluster><dim>2</dim><dimIncrement>0x100</dimIncrement><name>CH[%s]</name>"
        f"<addressOffset>0x40</addressOffset>{inner}</cluster>"
    )

    found = {name: register.address for name, register in by_name(svd(outer)).items()}

    assert found == {"UART.CH[0].Q.R": 0x104C, "UART.CH[1].Q.R": 0x114C}


def test_a_register_may_be_derived_from_one_that_comes_later() -> None:
    base = named("B", 4, "<size>8</size><access>read-only</access>")

    found = by_name(svd(named("A", 8, attributes=' derivedFrom="B"') + base))

    assert found["UART.A"] == Register("UART.A", 0x1008, "u8", access="read-only")


def test_a_block_and_its_registers_derive_from_another_block() -> None:
    first = (
        "<peripheral derivedFrom='B'><name>A</name><baseAddress>0x100</baseAddress>"
        f"<registers>{named('X', 8, attributes=' derivedFrom=' + chr(34) + 'B.R' + chr(34))}</registers></peripheral>"
    )
    second = (
        "<peripheral><name>B</name><baseAddress>0x200</baseAddress>"
        f"<registers>{named('R', 0, '<size>8</size>')}</registers></peripheral>"
    )

    device = read_svd(svd_device(f"<peripherals>{first}{second}</peripherals>"), "test.svd")

    found = {name: (register.address, register.type) for name, register in by_name(device).items()}
    assert found == {"A.R": (0x100, "u8"), "A.X": (0x108, "u8"), "B.R": (0x200, "u8")}


def test_a_derived_block_may_say_otherwise_of_a_register() -> None:
    base = f"<peripheral><name>B</name><baseAddress>0</baseAddress><registers>{named('R')}</registers></peripheral>"
    other = named("R", 4, "<size>8</size>")
    derived = (
        "<peripheral derivedFrom='B'><name>A</name><baseAddress>0x100</baseAddress>"
        f"<registers>{other}</registers></peripheral>"
    )

    device = read_svd(svd_device(f"<peripherals>{base}{derived}</peripherals>"), "test.svd")

    assert by_name(device)["A.R"] == Register("A.R", 0x104, "u8")


def test_values_may_be_derived_from_those_of_another_field() -> None:
    value = "<enumeratedValue><name>ON</name><value>1</value></enumeratedValue>"
    base = field(
        "A", "<bitRange>[0:0]</bitRange>", f"<enumeratedValues><name>onoff</name>{value}</enumeratedValues>"
    )
    other = field("B", "<bitRange>[1:1]</bitRange>", '<enumeratedValues derivedFrom="onoff"/>')

    register = by_name(svd(named("CR", 0, fields(other, base))))["UART.CR"]

    assert [part.values for part in register.fields] == [(Value("ON", 1),)] * 2


def test_fields_of_one_name_are_told_apart_by_their_bits() -> None:
    inside = fields(
        field("RESERVED", "<bitRange>[3:2]</bitRange>"), field("RESERVED", "<bitRange>[9:8]</bitRange>")
    )

    register = by_name(svd(named("CR", 0, inside)))["UART.CR"]

    assert [part.name for part in register.fields] == ["RESERVED_2", "RESERVED_8"]


def test_an_alternate_group_extends_the_name() -> None:
    both = named("CR") + named("CR", 0, "<alternateGroup>FIFO</alternateGroup>")

    assert list(by_name(svd(both))) == ["UART.CR", "UART.CR_FIFO"]


def test_an_odd_width_is_read_by_the_next_wider_access() -> None:
    device = svd(named("R", 0, "<size>23</size>"))

    assert by_name(device)["UART.R"].type == "u32"


@pytest.mark.parametrize(
    ("registers", "text"),
    [
        (named("A", 0, attributes=' derivedFrom="A"'), "UART.A is derived from itself"),
        (
            named("A", 0, attributes=' derivedFrom="B"') + named("B", 4, attributes=' derivedFrom="A"'),
            "derived from itself, in a circle",
        ),
        (named("A", 0, attributes=' derivedFrom="X.Y"'), "'X.Y', which is not in the map"),
        (named("A[%s]"), "no dim"),
        (named("A[%s]", 0, "<dim>2</dim><dimIndex>A,B,C</dimIndex>"), "names 3, and its dim says 2"),
        (named("A[%s]", 0, "<dim>2</dim><dimIndex>A,A</dimIndex>"), "a name twice"),
        (named("A[%s]", 0, "<dim>99999999</dim>"), "repeated 99,999,999 times"),
        (named("A[%s]", 0, "<dim>2</dim><dimIndex>0-999999999</dimIndex>"), "more than 1,048,576 names"),
        (named("A", 0, "<size>x</size>"), "'x' is not a number"),
        (named("A", 0, "<access>sometimes</access>"), "unknown access 'sometimes'"),
        (named("A", 0, "<readAction>explode</readAction>"), "unknown readAction 'explode'"),
        (named(""), "a register in UART has no name"),
        (
            "<cluster><name>C</name><cluster derivedFrom='C'><name>D</name></cluster></cluster>",
            "is derived from 'C', which is not in the map",
        ),
        ("<cluster><name>C</name>" * 20 + "</cluster>" * 20, "16 levels deep"),
    ],
)
def test_what_contradicts_itself_is_refused(registers: str, text: str) -> None:
    with pytest.raises(InputError, match=text.replace("[", r"\[")):
        svd(registers)


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (field("F", "<bitRange>[40:33]</bitRange>"), "lies outside of its 32 bits"),
        (field("F", ""), "does not say which bits"),
        (field("F[%s]", "<bitOffset>0</bitOffset>", "<dim>5000</dim>"), "repeated 5,000 times"),
        (field("F", "<bitRange>[11-8]</bitRange>"), "is not a bit range"),
    ],
)
def test_a_wrong_field_is_refused_when_its_register_is_used(inside: str, text: str) -> None:
    device = svd(named("CR", 0, fields(inside)) + named("OK", 4))

    with pytest.raises(InputError, match=text):
        by_name(device)


def test_names_of_values_that_cannot_be_right_are_left_out() -> None:
    """A vendor wrote binary numbers as decimal ones; those that happen to fit would be wrong names."""
    values = "".join(
        f"<enumeratedValue><name>V{n}</name><value>{n}</value></enumeratedValue>"
        for n in ("0", "1", "10", "11")
    )
    inside = field("F", "<bitRange>[1:0]</bitRange>", f"<enumeratedValues>{values}</enumeratedValues>")

    register = by_name(svd(named("CR", 0, fields(inside))))["UART.CR"]

    assert register.fields == (Field("F", 0, 2),)


def test_a_misaligned_register_is_refused_when_it_is_used() -> None:
    with pytest.raises(AddressError, match=r"UART\.R is not aligned"):
        by_name(svd(named("R", 2)))


def test_a_register_wider_than_an_access_is_refused_when_used() -> None:
    with pytest.raises(InputError, match="is 128 bits wide"):
        by_name(svd(named("R", 0, "<size>128</size>")))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"<?xml version='1.0'?><!DOCTYPE d [<!ENTITY a 'b'>]><device/>", "^it declares XML entities"),
        (b"<device><name>x</name>", "its XML cannot be read"),
        (b"<device>\xff</device>", "its XML cannot be read"),
        (b"<?xml version='1.0' encoding='no-such'?><device/>", "its XML cannot be read"),
        (b"<component/>", "root element is 'component'"),
        (svd_device("").replace(b">8<", b">16<"), "units of 16 bits"),
    ],
)
def test_what_is_no_svd_is_refused(content: bytes, text: str) -> None:
    with pytest.raises(InputError, match=text):
        read_svd(content, "test.svd")


def test_derivations_of_derivations_do_not_grow_without_end() -> None:
    """Each cluster holds ten derived from the one before: 120 elements mean 10**11 registers."""
    clusters = f"<cluster><name>C0</name>{named('R')}</cluster>"
    for level in range(1, 12):
        inside = "".join(
            f"<cluster derivedFrom='UART.C{level - 1}'><name>D{k}</name></cluster>" for k in range(10)
        )
        clusters += f"<cluster><name>C{level}</name>{inside}</cluster>"

    with pytest.raises(InputError, match="more than 65,536 registers"):
        svd(clusters)
