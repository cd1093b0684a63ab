"""XML of others: how deep it may nest."""

from __future__ import annotations

import pytest

from regtap.errors import InputError
from regtap.maps.ipxact import NAMESPACES, read_ipxact
from regtap.maps.svd import read_svd
from regtap.maps.xml_file import parse_xml


def nested(tag: str, depth: int, inside: str = "") -> str:
    return f"<{tag}>" * depth + inside + f"</{tag}>" * depth


def test_a_hundred_elements_may_nest() -> None:
    assert parse_xml(nested("device", 100).encode()).tag == "device"


@pytest.mark.parametrize("depth", [101, 100_000])
def test_more_are_refused(depth: int) -> None:
    with pytest.raises(InputError, match="its XML nests more than 100 elements in one another"):
        parse_xml(nested("device", depth).encode())


@pytest.mark.parametrize("tag", ["x", "peripherals", "registers", "cluster"])
def test_no_reader_of_svd_goes_deeper(tag: str) -> None:
    content = f"<device><peripherals>{nested(tag, 50_000)}</peripherals></device>"

    with pytest.raises(InputError, match="its XML nests"):
        read_svd(content.encode(), "deep.svd")


def test_nor_does_the_reader_of_ipxact() -> None:
    content = f"<component xmlns='{next(iter(NAMESPACES))}'>{nested('registerFile', 50_000)}</component>"

    with pytest.raises(InputError, match="its XML nests"):
        read_ipxact(content.encode(), "deep.xml")
