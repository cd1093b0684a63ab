"""Names of lanes that are too long for their place keep what tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.synthetic import write_trace

from regtap.registers.model import Register
from regtap.trace.reader import open_trace
from regtap_analysis.plot.picture import PictureOptions, make_picture
from regtap_analysis.plot.text import Measure, shorten

BLOCK = ("USB_OTG_GLOBAL.GOTGCTL", "USB_OTG_GLOBAL.GOTGINT", "USB_OTG_GLOBAL.GRSTCTL")
HEADS = ("AXI_READ_TRANSFER_COUNTER", "DDR_READ_TRANSFER_COUNTER")


def cut(name: str, others: tuple[str, ...], letters: int) -> str:
    return shorten(name, others, lambda text: len(text) <= letters)


def test_a_name_with_room_stays_whole() -> None:
    assert cut("COUNT", BLOCK, 5) == "COUNT"


def test_registers_of_a_block_keep_their_tails() -> None:
    assert [cut(name, BLOCK, 12) for name in BLOCK] == ["…BAL.GOTGCTL", "…BAL.GOTGINT", "…BAL.GRSTCTL"]


def test_names_that_differ_at_their_head_keep_it() -> None:
    assert [cut(name, HEADS, 12) for name in HEADS] == ["AXI_…COUNTER", "DDR_…COUNTER"]


def test_names_that_no_cut_tells_apart_keep_their_tails() -> None:
    names = ("CHANNELS.A.CONTROL", "CHANNELS.B.CONTROL")
    assert [cut(name, names, 6) for name in names] == ["…NTROL", "…NTROL"]


@pytest.mark.parametrize("letters", range(2, 30))
def test_a_cut_name_never_exceeds_its_place(letters: int) -> None:
    assert all(len(cut(name, BLOCK + HEADS, letters)) <= letters for name in BLOCK + HEADS)


def test_the_text_of_a_mark_keeps_its_beginning() -> None:
    found = Measure().fit("a mark with a long text", 9.0, 60)

    assert found.endswith("…")
    assert "a mark with a long text".startswith(found[:-1])


def test_the_lanes_of_a_block_differ_in_the_picture(tmp_path: Path) -> None:
    registers = [Register(name, 4 * number) for number, name in enumerate(BLOCK)]
    path = write_trace(tmp_path / "run", registers, [0, 1000], {name: np.array([0, 1]) for name in BLOCK})

    content = make_picture(open_trace(path), PictureOptions(format="svg")).content.decode()

    assert [content.count(f"{tail}<") for tail in ("GOTGCTL", "GOTGINT", "GRSTCTL")] == [1, 1, 1]
