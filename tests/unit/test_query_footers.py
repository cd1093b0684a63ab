"""Footers as the workers of a cluster read them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from tests.synthetic import counter_trace

from regtap.registers.model import Field, Register
from regtap_analysis.queries.footers import FOOTERS, read_footers


def places(folder: Path) -> pa.RecordBatch:
    """Return a trace and a folder that is none, as the driver sends them."""
    counter_trace(folder / "good", 20, rows_per_part=10)
    (folder / "bad").mkdir()
    names = ["good", "bad"]
    return pa.RecordBatch.from_pydict({"name": names, "path": [str(folder / name) for name in names]})


def test_a_row_holds_the_tables_of_a_trace_or_why_it_has_none(tmp_path: Path) -> None:
    (batch,) = read_footers([places(tmp_path)], [Register("X", 0x10, fields=(Field("LOW", 0, 4),))])

    good, bad = batch.to_pylist()
    assert (good["trace"], good["error"], len(good["files"])) == ("good", None, 2)
    assert good["traces"][0]["rows"] == 20
    assert [(it["register"], it["field"], it["bits"]) for it in good["fields"]] == [("COUNT", "LOW", 4)]
    assert (bad["trace"], bad["files"]) == ("bad", None)
    assert "is not a trace" in bad["error"]


def test_a_worker_of_another_version_says_so_of_each_trace(tmp_path: Path) -> None:
    older = FOOTERS.append(pa.field("more", pa.int64()))

    (batch,) = read_footers([places(tmp_path)], wanted=older)

    assert batch.schema.equals(older)
    assert [row["trace"] for row in batch.to_pylist()] == ["good", "bad"]
    assert all("has another version of regtap" in row["error"] for row in batch.to_pylist())
