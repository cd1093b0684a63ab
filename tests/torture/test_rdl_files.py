"""SystemRDL of others: the designs of desyrdl's source package; systemrdl-compiler's own package has no examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.torture.conftest import Tally
from tests.torture.map_files import unpack_desyrdl

from regtap.maps.load import MapChoice, load_map
from regtap.maps.model import Entry, all_entries

FACTS = json.loads((Path(__file__).parent / "facts" / "desyrdl-1.4.2.json").read_text())
LIBRARIES = [f"desyrdl/libraries/rdl/{name}.rdl" for name in ("00_desyrdl_properties", "10_generic_ibus")]
PROMISE = "SystemRDL of others: as desyrdl has it, or as its reason here says"
# desyrdl gives what lies in the second of an array of blocks the addresses of the first, and blocks in blocks
# no number: so only the first is compared, and the second with it.
STEP = 0x400000


def load(folder: Path, files: list[str]) -> list[Entry]:
    """Return the registers of a design, whose files a file of our own includes."""
    source = unpack_desyrdl(folder)
    design = source / "design.rdl"
    design.write_text("".join(f'`include "{name}"\n' for name in (*LIBRARIES, *files)))
    return list(all_entries(load_map(MapChoice(str(design)))))


def arrays(entries: list[Entry]) -> dict[str, list[Any]]:
    """Return how many there are of each register, where the first lies and how wide it is, by desyrdl's names."""
    found: dict[str, list[Any]] = {}
    for entry in entries:
        name = re.sub(r"\[(\d+)\]", r".\1", re.sub(r"(\[\d+\])+\Z", "", entry.name))
        found.setdefault(name, [0, entry.address, entry.node.span_bytes])[0] += 1
    return found


@pytest.mark.parametrize("name", FACTS)
def test_a_design_is_read_as_desyrdl_has_it(tmp_path: Path, tally: Tally, name: str) -> None:
    found = arrays(load(tmp_path, FACTS[name]["files"]))

    for register, wanted in FACTS[name]["registers"].items():
        is_same = found.get(register) == wanted
        tally.case(PROMISE, None if is_same else f"{register}: {found.get(register)} is not {wanted}")
    tally.assert_kept(PROMISE)
    assert len(FACTS[name]["registers"]) == {"standalone": 3, "module": 36, "board": 22}[name]
    if name != "board":
        assert found.keys() == FACTS[name]["registers"].keys()


def test_the_second_of_an_array_of_blocks_is_the_first_moved(tmp_path: Path) -> None:
    entries = load(tmp_path, FACTS["board"]["files"])

    first, second = ([it for it in entries if it.name.startswith(f"TEST[{index}].")] for index in (0, 1))

    assert [it.address + STEP for it in first] == [it.address for it in second]
    assert [it.name.replace("[0]", "[1]", 1) for it in first] == [it.name for it in second]
    assert len(first) == len(second) == 24
