"""Maps that tests write: SVD around a few elements, and what was read of a map in a form that compares."""

from __future__ import annotations

from regtap.maps.load import MapChoice, load_map
from regtap.maps.lookup import Maps
from regtap.maps.model import DeviceMap, all_entries
from regtap.maps.svd import read_svd
from regtap.maps.toml_map import read_toml
from regtap.registers.model import Register

__all__ = ["MapChoice", "by_name", "load_map", "maps_of", "named", "registers_of", "svd", "svd_device"]


def svd_device(inside: str) -> bytes:
    """Return an SVD file with something inside its device element."""
    head = "<name>chip</name><addressUnitBits>8</addressUnitBits><width>32</width>"
    return f"<?xml version='1.0'?><device>{head}{inside}</device>".encode()


def svd(registers: str, *, block: str = "", before: str = "") -> DeviceMap:
    """Return the map of an SVD file with one block UART at 0x1000 that holds some registers and clusters.

    Args:
        registers: Its `<register>` and `<cluster>` elements.
        block: More elements of the block, before its registers.
        before: More elements of the device, before its blocks.
    """
    peripheral = (
        f"<name>UART</name><baseAddress>0x1000</baseAddress>{block}<registers>{registers}</registers>"
    )
    content = svd_device(f"{before}<peripherals><peripheral>{peripheral}</peripheral></peripherals>")
    return read_svd(content, "test.svd")


def named(name: str, offset: int = 0, more: str = "", attributes: str = "") -> str:
    """Return a `<register>` element."""
    return f"<register{attributes}><name>{name}</name><addressOffset>{offset:#x}</addressOffset>{more}</register>"


def registers_of(device: DeviceMap) -> list[Register]:
    """Return every register of a map by name, whole."""
    return sorted((entry.register() for entry in all_entries(device)), key=lambda register: register.name)


def by_name(device: DeviceMap) -> dict[str, Register]:
    """Return every register of a map, whole."""
    return {entry.name: entry.register() for entry in all_entries(device)}


def maps_of(*texts: str) -> Maps:
    """Return maps that are written as TOML."""
    return Maps(tuple(read_toml(text.encode(), f"map{index}.toml") for index, text in enumerate(texts)))
