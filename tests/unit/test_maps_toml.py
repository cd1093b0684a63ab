"""Our TOML: the least that a person types, and what is wrong with the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.register_maps import by_name

from regtap.errors import InputError
from regtap.maps.model import DeviceMap, Effect
from regtap.maps.toml_map import read_toml
from regtap.registers.model import Field, Register, Value


def read(text: str) -> DeviceMap:
    return read_toml(text.encode(), "test.toml")


def test_five_lines_make_a_map() -> None:
    device = read(
        """
        [registers.STATUS]
        address = 0x20
        fields.BUSY = 0
        fields.LEVEL = "15:8"
        fields.MODE = { bits = "2:1", values = { OFF = 0, ON = 1 } }
        """
    )

    mode = Field("MODE", 1, 2, values=(Value("OFF", 0), Value("ON", 1)))
    parts = (Field("BUSY", 0, 1), mode, Field("LEVEL", 8, 8))
    assert by_name(device) == {"STATUS": Register("STATUS", 0x20, "u32", parts)}


def test_the_examples_of_the_readme_are_maps() -> None:
    readme = (Path(__file__).parents[2] / "logger" / "README.md").read_text()

    least, overlay = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)

    assert list(by_name(read(least))) == ["STATUS"]
    assert len(least.splitlines()) == 5
    assert [effect.pattern for effect in read(overlay).effects] == ["VCMAILBOX.READ", "*.ICR", "UART0.ID"]


def test_blocks_clusters_and_arrays_give_names_and_addresses() -> None:
    device = read(
        """
        [blocks.DMA]
        address = 0x1000
        type = "u16"
        count = 2
        step = 0x100
        [blocks.DMA.clusters.CH]
        offset = 0x40
        count = 2
        step = 8
        labels = ["A", "B"]
        [blocks.DMA.clusters.CH.registers.LEN]
        offset = 2
        """
    )

    found = {name: (register.address, register.type) for name, register in by_name(device).items()}
    assert found == {
        "DMA[0].CH[A].LEN": (0x1042, "u16"),
        "DMA[0].CH[B].LEN": (0x104A, "u16"),
        "DMA[1].CH[A].LEN": (0x1142, "u16"),
        "DMA[1].CH[B].LEN": (0x114A, "u16"),
    }


def test_a_number_may_be_a_text_where_toml_has_no_room_for_it() -> None:
    assert by_name(read('registers.R.address = "0xffffffff_fffffff8"'))["R"].address == 2**64 - 8


def test_effects_are_taken_as_they_stand() -> None:
    device = read('[effects]\n"UART.DR" = "pops"\n"*.ICR" = { write = "one-clears", read = "" }')

    assert device.effects == (Effect("UART.DR", "pops"), Effect("*.ICR", "", "one-clears"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("registers = 1", "the map.registers is a number, and a table is meant"),
        ("registers.R = 0x20", r"registers\.R is a number"),
        ("registers.R.adress = 1", "has the key 'adress', which no map has; did you mean address?"),
        ("registers.R.type = 'u32'", "needs an address"),
        ("registers.R = { address = 0, offset = 0 }", "needs an address"),
        ("registers.R = { address = 0, type = 'u33' }", "is 'u33'; use one of u8"),
        ("registers.R = { address = -1 }", "it can be 0x0 to"),
        ("registers.R = { address = 1.5 }", "is a fraction"),
        ("registers.R = { address = true }", "is true or false"),
        ("registers.R = { address = 'zero' }", "not a valid number"),
        ("registers.'a b'.address = 0", "cannot be a name; use a to z, A to Z, digits, _ and -"),
        ("registers.R = { address = 0, count = 2 }", "no step"),
        ("registers.R = { address = 0, step = 2 }", "no count"),
        ("registers.R = { address = 0, count = 99999999, step = 4 }", "it can be 0x1 to"),
        ("registers.R = { address = 0, count = 3, step = 4, labels = ['A'] }", "1 label, and a count of 3"),
        ("registers.R = { address = 0, step = 4, labels = ['A', 'A'] }", "a name twice"),
        ("registers.R = { address = 0, step = 4, labels = ['A.B'] }", "must be a list of names"),
        ("registers.R = { address = 0, access = 'rw' }", "use one of read-write"),
        ("registers.R = { address = 0, volatile = 1 }", "write true or false"),
        ("registers.R = { address = 0, fields.F = 32 }", "lies outside of its 32 bits"),
        ("registers.R = { address = 0, fields.F = 'x' }", "write the bits as 3 or '15:8'"),
        ("registers.R = { address = 0, fields.F = {} }", "is nothing; write the bits"),
        ("registers.R = { address = 0, fields.F = { bits = 0, values.A = 2 } }", "does not fit its 1 bit"),
        ("registers.R = { address = 0, fields.F = { bits = 0, values.A = '2x' } }", "is no value"),
        ("registers.R = { address = 0, fields.F = { bits = 0, values = [{ value = 1 }] } }", "has no name"),
        (
            "registers.R = { address = 0, fields.F = { bits = 0, write_effect = 'boom' } }",
            "use one of one-clears",
        ),
        ("blocks.B.address = 0\nblocks.B.fields.F = 1", "has the key 'fields'"),
        ("map = 2", "version 2 of the form"),
        ("a = [", "its TOML cannot be read"),
        ("a = " + "[" * 5000, "its TOML"),
        ("registers.R.address = " + "9" * 5000, "its TOML has a number that is too long"),
        ("[effects]\nX = 1", "is a number, and a table is meant"),
        ("[effects]\nX.write = 'boom'", "use one of one-clears"),
        ("<device/>", "its TOML cannot be read"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_an_endless_ladder_of_clusters_is_refused() -> None:
    text = "[blocks.B" + ".clusters.C" * 20 + "]\naddress = 0"

    with pytest.raises(InputError, match=r"needs an address|levels deep"):
        read(text)
