"""The answers of `regtap view`: lanes of one trace are searched together, and a request has one budget."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.responses import Response
from tests.synthetic import TraceOptions, write_trace

from regtap.registers.model import Field, Register
from regtap_analysis.signals import page_file
from regtap_analysis.signals.model import View
from regtap_analysis.view.columns import BUDGETS, columns_of
from regtap_analysis.view.server import Server
from regtap_analysis.view.session import Session

PAGE, PAGES, FIELDS = 4096, 6, 20
LANES = ",".join(map(str, range(2 * (FIELDS + 1))))  # of two traces


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    register = Register("COUNT", 0, "u32", tuple(Field(f"BIT{bit}", bit, 1) for bit in range(FIELDS)))
    rows = np.arange(PAGES * PAGE)
    for name in ("a", "b"):
        options = TraceOptions(is_native=True)
        write_trace(tmp_path / name, [register], rows, {"COUNT": rows * 0x11111}, options)
    opened = Session([tmp_path / "a", tmp_path / "b"])
    yield opened
    opened.close()


def answers(response: Response, name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(bytes(response.body))[name]
    return found


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of pages of each decoding."""
    counts: list[int] = []
    decode = page_file.decode_pages

    def counting(path: Path, index: Any, chosen: Any, types: Any) -> Any:
        counts.append(len(chosen))
        return decode(path, index, chosen, types)

    monkeypatch.setattr("regtap_analysis.signals.pages.decode_pages", counting)
    return counts


def test_samples_of_all_lanes_take_one_page_of_each_trace(session: Session, decoded: list[int]) -> None:
    answer = Server(session, "token")._at({"t": "5000", "lanes": LANES})

    samples = answers(answer, "samples")
    assert samples[0] == {"t": "5000", "value": str(5000 * 0x11111)}
    assert samples[5] == {"t": "5000", "value": str(5000 * 0x11111 >> 4 & 1)}
    assert samples[FIELDS + 1 :] == samples[: FIELDS + 1]
    assert decoded == [1, 1]


def test_changes_of_all_lanes_take_each_page_once(session: Session, decoded: list[int]) -> None:
    query = {"first": "-1", "stop": str(PAGES * PAGE), "lanes": LANES}

    counts = answers(Server(session, "token")._count(query), "counts")

    assert counts[0] == {"changes": str(PAGES * PAGE - 1), "until": str(PAGES * PAGE)}
    assert counts[FIELDS + 1 :] == counts[: FIELDS + 1]
    assert decoded == [1] * 2 * PAGES


def test_a_request_has_one_budget(
    session: Session, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regtap_analysis.signals.search.BUDGET_ROWS", 1)
    query = {"first": "-1", "stop": str(PAGES * PAGE), "lanes": LANES}

    counts = answers(Server(session, "token")._count(query), "counts")

    assert decoded == [1, 1]  # one page of each trace, so that a count goes on
    assert counts[0] == {"changes": str(PAGE - 1), "until": str(PAGE - 1)}


def test_lanes_come_in_the_order_of_the_request(session: Session) -> None:
    server = Server(session, "token")

    samples = answers(server._at({"t": "3", "lanes": f"2,{FIELDS + 1},1"}), "samples")

    assert [it["value"] for it in samples] == [str(3 * 0x11111 >> 1 & 1), str(3 * 0x11111), "1"]


def test_the_samples_before_a_view_take_one_page(session: Session, decoded: list[int]) -> None:
    lanes = session.lanes[: FIELDS + 1]

    columns_of(session, lanes, View(2 * PAGE + 10, 2 * PAGE + 20), 100, BUDGETS["1"])

    assert decoded == [1, 1]  # the view's own rows, and the page of the sample before it
