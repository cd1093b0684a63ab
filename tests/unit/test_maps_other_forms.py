"""SystemRDL, IP-XACT and LiteX: the same registers, told by their content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.register_maps import by_name

from regtap.errors import InputError
from regtap.maps.load import MapChoice, load_map
from regtap.maps.model import DeviceMap
from regtap.registers.model import Field, Register, Value

RDL = """
enum modes { SLOW = 2'd0; FAST = 2'd2 { desc = "twice as fast"; }; };
addrmap chip {
  desc = "a chip";
  default regwidth = 32; default sw = rw; default hw = r;
  regfile {
    reg {
      desc = "control";
      field { desc = "on"; } EN[0:0] = 1;
      field { encode = modes; } MODE[2:1] = 0;
    } CR @ 0x30;
    reg { field { sw = r; onread = rclr; } D[7:0]; } DR @ 0x0;
    reg { field { onwrite = woclr; hw = w; } DONE[0:0] = 0; } ISR[2] @ 0x40 += 0x10;
  } UART[2] @ 0x1000 += 0x100;
};
"""
VALUE = "<{p}enumeratedValue><{p}name>FAST</{p}name><{p}value>2</{p}value></{p}enumeratedValue>"
VALUES = f"<{{p}}enumeratedValues>{VALUE}</{{p}}enumeratedValues>"


def ipxact(prefix: str, namespace: str, reset: str, field_reset: str, number: str = "0x30") -> str:
    text = """<P:component xmlns:P="{n}"><P:name>chip</P:name><P:memoryMaps><P:memoryMap><P:name>m</P:name>
    <P:addressBlock><P:name>UART</P:name><P:baseAddress>0x1000</P:baseAddress><P:range>0x1000</P:range>
    <P:width>32</P:width><P:access>read-only</P:access>
    <P:registerFile><P:name>CH</P:name><P:dim>2</P:dim><P:addressOffset>0x100</P:addressOffset><P:range>0x10</P:range>
      <P:register><P:name>LEN</P:name><P:addressOffset>4</P:addressOffset><P:size>16</P:size></P:register>
    </P:registerFile>
    <P:register><P:name>CR</P:name><P:description>control</P:description><P:addressOffset>{a}</P:addressOffset>
    <P:size>32</P:size><P:volatile>true</P:volatile><P:access>read-write</P:access>{r}
    <P:field><P:name>MODE</P:name><P:bitOffset>1</P:bitOffset>{f}<P:bitWidth>2</P:bitWidth>{v}
    <P:modifiedWriteValue>oneToClear</P:modifiedWriteValue><P:readAction>clear</P:readAction></P:field></P:register>
    </P:addressBlock></P:memoryMap></P:memoryMaps></P:component>"""
    values = VALUES.format(p="P:")
    return (
        text.format(n=namespace, a=number, r=reset, f=field_reset, v=values)
        .replace("P:", f"{prefix}:")
        .replace("xmlns:P", f"xmlns:{prefix}")
    )


OLD = ipxact(
    "spirit",
    "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009",
    "<P:reset><P:value>0x4</P:value></P:reset>",
    "",
)
NEW = ipxact(
    "ipxact",
    "http://www.accellera.org/XMLSchema/IPXACT/1685-2014",
    "",
    "<P:resets><P:reset><P:value>2'b10</P:value></P:reset></P:resets>",
    "'h30",
)
CSR = {
    "csr_bases": {"uart": 0xF0001000, "uart_phy": 0xF0002000},
    "csr_registers": {
        "uart_rxtx": {"addr": 0xF0001000, "size": 1, "type": "rw"},
        "uart_phy_tuning": {"addr": 0xF0002004, "size": 2, "type": "ro"},
    },
    "constants": {"config_csr_data_width": 32},
    "memories": {},
}
CSR_CSV = """#---------
csr_base,uart,0xf0001000,,
csr_base,uart_phy,0xf0002000,,
csr_register,uart_rxtx,0xf0001000,1,rw
csr_register,uart_phy_tuning,0xf0002004,2,ro
constant,config_csr_data_width,32,,
memory_region,rom,0x00000000,131072,cached
"""


def load(folder: Path, text: str) -> DeviceMap:
    path = folder / "file"
    path.write_text(text)
    return load_map(MapChoice(str(path)))


def test_systemrdl_gives_registers_fields_values_and_effects(tmp_path: Path) -> None:
    found = by_name(load(tmp_path, RDL))

    mode = Field(
        "MODE", 1, 2, values=(Value("SLOW", 0), Value("FAST", 2, "twice as fast")), access="read-write"
    )
    on = Field("EN", 0, 1, "on", access="read-write")
    assert found["UART[1].CR"] == Register("UART[1].CR", 0x1130, "u32", (on, mode), "", "control", reset=1)
    assert found["UART[0].DR"].access == "read-only"
    assert found["UART[0].DR"].fields[0].read_effect == "clears it"
    assert found["UART[0].ISR[1]"].address == 0x1050
    assert found["UART[0].ISR[1]"].fields[0].write_effect == "one-clears"
    assert found["UART[0].ISR[1]"].volatile


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("addrmap chip {\n reg { field {} F; } R;", "it does not compile: line"),
        ("addrmap chip {\n <% print 1 %> };", "has Perl in it"),
        ("addrmap chip {\n nothing n; };", "it does not compile"),
    ],
)
def test_wrong_systemrdl_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_perl_in_an_included_file_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "more.rdl").write_text("<% open(F, '>ran'); %>")

    with pytest.raises(InputError, match=r"more\.rdl has Perl in it"):
        load(tmp_path, '`include "more.rdl"\naddrmap chip { reg { field {} F; } R; };')


def test_a_file_that_only_includes_others_is_systemrdl(tmp_path: Path) -> None:
    (tmp_path / "chip.rdl").write_text(RDL)

    assert by_name(load(tmp_path, '// a board\n`include "chip.rdl"\n')).keys() >= {"UART[1].CR"}


def test_toml_may_say_addrmap_in_a_comment(tmp_path: Path) -> None:
    assert load(tmp_path, "# from addrmap {\nregisters.A = { address = 0 }").format == "regtap TOML"


@pytest.mark.parametrize("text", [OLD, NEW], ids=["1685-2009", "1685-2014"])
def test_ipxact_gives_registers_fields_values_and_effects(tmp_path: Path, text: str) -> None:
    found = by_name(load(tmp_path, text))

    mode = Field("MODE", 1, 2, "", (Value("FAST", 2),), "", "", "clears it", "one-clears")
    assert found["UART.CR"] == Register(
        "UART.CR", 0x1030, "u32", (mode,), "", "control", "read-write", "", 4, True
    )
    assert found["UART.CH[1].LEN"] == Register("UART.CH[1].LEN", 0x1114, "u16", access="read-only")
    assert len(found) == 3


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("(0x10+4)", r"UART\.CR, addressOffset: '\(0x10\+4\)' is an expression, and none are evaluated"),
        ("OFFSET", "'OFFSET' is an expression"),
        ("1_", "is no number"),
    ],
)
def test_an_expression_is_refused_by_name(tmp_path: Path, number: str, message: str) -> None:
    text = OLD.replace(">0x30<", f">{number}<")

    with pytest.raises(InputError, match=message):
        load(tmp_path, text)


@pytest.mark.parametrize("text", [json.dumps(CSR), CSR_CSV], ids=["json", "csv"])
def test_litex_gives_registers_word_by_word(tmp_path: Path, text: str) -> None:
    device = load(tmp_path, text)

    found = by_name(device)
    assert {name: (it.address, it.access) for name, it in found.items()} == {
        "uart.rxtx": (0xF0001000, "read-write"),
        "uart_phy.tuning[0]": (0xF0002004, "read-only"),
        "uart_phy.tuning[1]": (0xF0002008, "read-only"),
    }
    assert found["uart_phy.tuning[0]"].description == "bits 63:32 of uart_phy_tuning"
    assert "the most significant first" in device.notes[0]


def test_litex_words_of_8_bits_lie_apart(tmp_path: Path) -> None:
    narrow = {**CSR, "constants": {"config_csr_data_width": 8}}

    found = by_name(load(tmp_path, json.dumps(narrow)))

    assert found["uart_phy.tuning[1]"].address == 0xF0002008
    assert found["uart_phy.tuning[1]"].type == "u32"
    assert found["uart_phy.tuning[1]"].description == "bits 7:0 of uart_phy_tuning"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no csr.json of LiteX"),
        ("{", "it is no JSON"),
        ('{"csr_bases": {}, "csr_registers": {}}', "it has no registers"),
        ('{"csr_bases": {}, "csr_registers": {"a": {"addr": 0, "size": 99999}}}', "it can be 0x1 to 0x1000"),
        (
            '{"csr_bases": {}, "csr_registers": {"a": {"addr": 0, "size": 1, "type": "x"}}}',
            "unknown access 'x'",
        ),
        ('{"csr_bases": {"a": 9}, "csr_registers": {"a_b": {"addr": 0, "size": 1}}}', "before its block 'a'"),
        ("csr_base,a,0\ncsr_thing,b,0", "line 2: 'csr_thing' is no line of a csr.csv"),
        ("csr_base,a,zero", "line 1: 'zero' is not a valid number"),
        (r'{"csr_bases": {}, "csr_registers": {"a\rb\u001b": {"size": 1}}}', r"a\\rb\\x1b has no addr"),
    ],
)
def test_wrong_litex_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"csr_bases": {}, "csr_registers": {"NAME": {"size": 1}}}', "no addr"),
        (
            '{"csr_bases": {"NAME": 9}, "csr_registers": {"NAME_b": {"addr": 0, "size": 1}}}',
            "before its block",
        ),
        ('[registers."NAME"]\naddress = true\n', "map.registers."),
        ("csr_base,NAME,0\ncsr_register,NAME,0,1,odd", "unknown access"),
        ("<NAME/>", "no format"),
    ],
)
def test_a_message_is_one_bearable_line_whatever_the_names(tmp_path: Path, text: str, says: str) -> None:
    for name in ("x" * 10_000, "\u0300" + "\u202e" * 3, "\U000e0001" * 10_000):
        with pytest.raises(InputError) as caught:
            load(tmp_path, text.replace("NAME", name))

        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1200
        assert says in str(caught.value) or text.startswith("<")  # which may be no XML at all
