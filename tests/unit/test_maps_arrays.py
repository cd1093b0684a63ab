"""A few bytes of a map may ask for millions of names or for terabits: that is refused before any are made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.register_maps import MapChoice, load_map, named, svd, svd_device

from regtap.errors import InputError
from regtap.maps.arrays import ArrayCount, joined_reset
from regtap.maps.model import DeviceMap, all_entries

NAMESPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
DIM = "<dim>1000000</dim><dimIncrement>4</dimIncrement>"
RESET = "<resets><reset><value>1</value></reset></resets><bitWidth>1</bitWidth>"


def load(folder: Path, text: str | bytes) -> DeviceMap:
    path = folder / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_map(MapChoice(str(path)))


def ipxact(registers: str) -> str:
    """Return an IP-XACT component with one block that holds some registers."""
    block = f"<addressBlock><name>UART</name>{registers}</addressBlock>"
    memory = f"<memoryMaps><memoryMap><name>m</name>{block}</memoryMap></memoryMaps>"
    return f"<component xmlns='{NAMESPACE}'><name>chip</name>{memory}</component>"


def field(place: int) -> str:
    return f"<field><name>F</name><bitOffset>{place}</bitOffset>{RESET}</field>"


def nested(tag: str, more: str, levels: int) -> str:
    """Return empty elements in one another, each an array."""
    return f"<{tag}><name>C</name>{more}" * levels + f"</{tag}>" * levels


@pytest.mark.parametrize(
    ("size", "place", "reset"), [(32, 31, 1 << 31), (32, 32, None), (32, 2**36, None), (2**40, 2**36, None)]
)
def test_a_reset_is_made_of_fields_in_the_register(
    tmp_path: Path, size: int, place: int, reset: int | None
) -> None:
    device = load(tmp_path, ipxact(named("CR", 0, f"<size>{size}</size>{field(place)}")))

    assert [entry.node.reset for entry in all_entries(device)] == [reset]


def test_a_wide_register_of_systemrdl_has_no_reset(tmp_path: Path) -> None:
    text = f"field {{ sw = rw; hw = r; }} F[{2**36}:{2**36}] = 1;"

    device = load(tmp_path, f"addrmap chip {{ reg {{ regwidth = {2**37}; {text} }} CR @ 0; }};")

    assert [entry.node.reset for entry in all_entries(device)] == [None]


def test_a_reset_joins_the_fields() -> None:
    assert joined_reset([(0b10, 0), (1, 4)], 8) == 0b10010
    assert joined_reset([], 8) is None


@pytest.mark.parametrize("dims", [300 * "<dim>0xffffffffffffffff</dim>", 17 * "<dim>1</dim>"])
def test_an_array_of_many_dimensions_is_refused(tmp_path: Path, dims: str) -> None:
    with pytest.raises(InputError, match=r"UART\.R has (300|17) dimensions; 16 can be"):
        load(tmp_path, ipxact(named("R", 0, dims)))


def test_so_is_one_of_systemrdl(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="R has 17 dimensions; 16 can be"):
        load(tmp_path, f"addrmap chip {{ reg {{ field {{}} F; }} R{17 * '[1]'} @ 0; }};")


@pytest.mark.parametrize(
    "text",
    [
        ipxact("".join(named(f"R{n}", 0, 2 * "<dim>256</dim>") for n in range(20))),
        "".join(f"csr_register,R{n},0,4096,rw\n" for n in range(300)),
    ],
    ids=["ipxact", "litex"],
)
def test_the_names_of_all_arrays_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    counted: list[int] = []
    add = ArrayCount.add

    def noted(self: ArrayCount, repetitions: int, where: str) -> None:
        counted.append(repetitions)
        add(self, repetitions, where)

    monkeypatch.setattr(ArrayCount, "add", noted)

    with pytest.raises(InputError, match="its arrays make more than 1,048,576 registers"):
        load(tmp_path, text)
    assert sum(counted[:-1]) <= 2**20  # the reader ended at the first array too much


def test_the_indexes_of_all_arrays_are_counted() -> None:
    index = "<dim>600000</dim><dimIndex>1-600000</dimIndex>"

    with pytest.raises(InputError, match="its arrays make more than 1,048,576 registers"):
        svd(named("A%s", 0, index) + named("B%s", 0, index))


@pytest.mark.parametrize(
    "text",
    [
        svd_device(
            f"<peripherals><peripheral><name>P</name><registers>{nested('cluster', DIM, 2)}</registers>"
            "</peripheral></peripherals>"
        ),
        ipxact(nested("registerFile", "<dim>1000</dim>", 4)),
        "[blocks.A]\naddress = 0\ncount = 1000000\nstep = 4\n"
        "[blocks.A.clusters.B]\noffset = 0\ncount = 1000000\nstep = 4\n",
    ],
    ids=["svd", "ipxact", "toml"],
)
def test_empty_arrays_in_arrays_are_refused(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(InputError, match="its arrays make more than 1,048,576 registers"):
        load(tmp_path, text)


def test_a_register_has_a_bounded_number_of_fields() -> None:
    many = "".join(
        f"<field><name>F{n}_%s</name><dim>1024</dim><lsb>0</lsb><msb>0</msb></field>" for n in range(17)
    )
    (entry,) = all_entries(svd(named("R", 0, f"<fields>{many}</fields>")))

    with pytest.raises(InputError, match=r"UART\.R has more than 16,384 fields"):
        _ = entry.node.fields
