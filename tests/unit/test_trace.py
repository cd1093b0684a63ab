"""open_trace and Trace: what they tell without rows, which rows they read, which folders they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.spools import template_of
from tests.synthetic import HOST, START, STATUS, TraceOptions, counter_trace, without_statistics, write_trace

from regtap.errors import InputError, TraceError
from regtap.registers.model import Field, Register, Value
from regtap.trace.gaps import Gap
from regtap.trace.metadata import METADATA_KEY, Mark, Mode, PartMetadata
from regtap.trace.parts import read_part
from regtap.trace.reader import open_trace
from regtap.trace.totals import Totals

if TYPE_CHECKING:
    from pathlib import Path

MISSED = Gap(5, 2, 4_000, 7_000, "missed")
PAUSE = Gap(9, 0, 9_000, 12_000, "throttled")


def rewrite(path: Path, **changes: object) -> None:
    """Store a part's metadata again with some of it changed."""
    metadata = replace(read_part(path).metadata, **changes)  # type: ignore[arg-type]
    table = pq.read_table(path).replace_schema_metadata({METADATA_KEY: metadata.to_json()})
    pq.write_table(table, path)


def test_a_trace_says_what_its_first_part_says(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", mode=Mode("10000", "discard")))

    assert trace.registers == (Register("COUNT", 0x10),)
    assert (trace.target, trace.mode.rate_hz, trace.start, trace.host) == ("sim", "10000", START, HOST)
    assert (trace.clock.source, trace.clock.error_bound_ns) == ("tsc", 120.0)


def test_rows_size_and_ranges_cover_all_parts(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows=1000, step_ns=10, rows_per_part=300)

    trace = open_trace(path)
    assert [part.rows for part in trace.parts] == [300, 300, 300, 100]
    assert trace.rows == 1000
    assert trace.ranges == {"t_ns": (0, 9990), "COUNT": (0, 999)}
    assert trace.size_bytes == sum(part.stat().st_size for part in path.iterdir())


@pytest.mark.parametrize(
    ("type_name", "largest"), [("u8", 2**8 - 1), ("u16", 2**16 - 1), ("u32be", 2**32 - 1), ("u64", 2**64 - 1)]
)
def test_ranges_are_unsigned(tmp_path: Path, type_name: str, largest: int) -> None:
    values = np.array([largest, 0, largest // 2], np.uint64)
    write_trace(tmp_path / "run", [Register("R", 0, type_name)], [0, 1, 2], {"R": values})
    assert open_trace(tmp_path / "run").ranges["R"] == (0, largest)


def test_mean_rate_counts_the_intervals_between_rows(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=11, step_ns=1000))
    assert trace.mean_rate_hz == pytest.approx(1e6)


@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_rows_have_no_rate(tmp_path: Path, rows: int) -> None:
    assert open_trace(counter_trace(tmp_path / "run", rows=rows)).mean_rate_hz is None


def test_gaps_and_marks_are_gathered_over_parts_without_rows_too(tmp_path: Path) -> None:
    marks = (Mark(3_000, "motor on"),)
    counter_trace(tmp_path / "run", rows=10, gaps=(MISSED,), gap_parts=((PAUSE,),), marks=marks)

    trace = open_trace(tmp_path / "run")
    assert (trace.gaps, trace.marks) == ((MISSED, PAUSE), marks)
    assert (trace.rows, trace.parts[-1].rows) == (10, 0)


def test_gaps_are_summed_up_by_cause(tmp_path: Path) -> None:
    longer = Gap(20, 3, 19_000, 25_000, "missed")
    counter_trace(tmp_path / "run", gaps=(MISSED, PAUSE, longer))

    throttled, missed = sorted(open_trace(tmp_path / "run").gap_summary, key=lambda summary: summary.count)
    assert (throttled.cause, throttled.gaps, throttled.count, throttled.total_ns) == (
        "throttled",
        1,
        0,
        3_000,
    )
    assert (missed.cause, missed.gaps, missed.count, missed.total_ns) == ("missed", 2, 5, 9_000)
    assert missed.longest == longer


def test_a_gap_with_rows_inside_counts_the_time_without_samples(tmp_path: Path) -> None:
    joined = Gap(0, 3, 0, 12_000, "missed", rows=9)
    counter_trace(tmp_path / "run", gaps=(joined, MISSED))

    trace = open_trace(tmp_path / "run")

    assert trace.gaps[0] == joined
    assert trace.gap_summary[0].total_ns == 3_000 + MISSED.absent_ns


def test_a_part_of_the_first_format_is_read(tmp_path: Path) -> None:
    document = json.loads(template_of().to_json())
    document |= {"format_version": 1, "gaps": [[5, 2, 10, 20, "missed"]]}

    metadata = PartMetadata.from_json(json.dumps(document).encode(), "a part")

    assert metadata.gaps == (Gap(5, 2, 10, 20, "missed"),)


def test_totals_are_those_of_the_last_part(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=100, rows_per_part=60, gaps=(MISSED,)))

    assert trace.totals is not None
    assert (trace.totals.due, trace.totals.stored, trace.totals.missed) == (102, 100, 2)
    assert not trace.unfinished


@pytest.mark.parametrize(
    ("totals", "rest", "line"),
    [
        (Totals("stopped", None, 1200, 1000, 200, 0), "", "taken 1,200 = stored 1,000 + lost 200"),
        (Totals("stopped", 15, 12, 10, 2, 3), "", "due 15 = stored 10 + lost 2 + missed 3"),
        (
            Totals("stopped", None, 12, 10, 2, 0, overwritten=1),
            "",
            "taken 12 = stored 10 + lost 2 (1 overwritten)",
        ),
        (
            Totals("writer", 15, 12, 7, 0, 3),
            "kept in /spool",
            "due 15 = stored 7 + lost 0 + missed 3 + 5 kept in /spool",
        ),
    ],
)
def test_the_balance_in_one_line(totals: Totals, rest: str, line: str) -> None:
    assert totals.line(rest) == line


def test_a_trace_that_was_cut_off_is_readable_and_says_so(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=100, finished=False))
    assert trace.unfinished
    assert (trace.totals, trace.to_arrow().num_rows) == (None, 100)


def test_to_arrow_returns_every_row_in_order(tmp_path: Path) -> None:
    table = open_trace(counter_trace(tmp_path / "run", rows=1000, step_ns=7, rows_per_part=300)).to_arrow()

    assert table.schema.field("COUNT") == pa.field("COUNT", pa.uint32(), nullable=False)
    assert table["t_ns"].to_pylist() == list(range(0, 7000, 7))
    assert table["COUNT"].to_pylist() == list(range(1000))


@pytest.mark.parametrize(
    ("t0", "t1", "expected"),
    [
        (None, None, range(100)),
        (20, None, range(20, 100)),
        (None, 20, range(20)),
        (29, 31, range(29, 31)),  # over the edge of two parts
        (30, 60, range(30, 60)),  # one part
        (50, 50, range(0)),
        (60, 50, range(0)),
        (-5, 2, range(2)),
        (100, 10**30, range(0)),
        (-(10**30), 10**30, range(100)),
    ],
)
def test_times_select_a_half_open_stretch(
    tmp_path: Path, t0: int | None, t1: int | None, expected: range
) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=100, step_ns=1, rows_per_part=30))
    assert trace.to_arrow(t0=t0, t1=t1)["COUNT"].to_pylist() == list(expected)


def test_rows_at_the_same_moment_are_all_selected(tmp_path: Path) -> None:
    write_trace(
        tmp_path / "run",
        [Register("R", 0)],
        [1, 5, 5, 5, 6],
        {"R": [0, 1, 2, 3, 4]},
        TraceOptions(rows_per_part=3),
    )
    assert open_trace(tmp_path / "run").to_arrow(t0=5, t1=6)["R"].to_pylist() == [1, 2, 3]


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    write_trace(tmp_path / "run", [STATUS, Register("R", 0)], [0, 1], {"STATUS": [3, 4], "R": [5, 6]})

    trace = open_trace(tmp_path / "run")
    assert trace.to_arrow(["R", "t_ns"]).to_pydict() == {"R": [5, 6], "t_ns": [0, 1]}
    assert trace.to_arrow(["STATUS"], t0=1).to_pydict() == {"STATUS": [4]}


def test_an_unknown_column_is_refused_with_those_there_are(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run"))
    with pytest.raises(InputError, match="no column 'NOPE'; it has t_ns COUNT"):
        trace.to_arrow(["NOPE"])


def test_iteration_yields_batches_in_order(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=300_000, step_ns=1, rows_per_part=200_000))
    batches = list(trace)
    assert max(batch.num_rows for batch in batches) <= 1 << 17

    joined = np.concatenate([batch.column("COUNT").to_numpy() for batch in batches])

    assert np.array_equal(joined, np.arange(300_000))


def test_dataset_holds_the_same_rows(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=1000, rows_per_part=300))
    assert trace.dataset().to_table().equals(trace.to_arrow())


def test_a_trace_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=0))
    assert (trace.rows, trace.time_range, trace.ranges, trace.to_arrow().num_rows) == (0, None, {}, 0)


def test_times_are_read_from_rows_where_no_statistics_tell_them(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows=100, step_ns=7, rows_per_part=30)
    for part in path.glob("*.parquet"):
        without_statistics(part)

    trace = open_trace(path)

    assert (trace.ranges, trace.time_range) == ({}, (0, 99 * 7))


def test_opening_reads_no_other_part_than_the_first(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows=100, rows_per_part=50)
    (path / "part-00001.parquet").write_bytes(b"not yet read")
    assert open_trace(path).registers[0].name == "COUNT"


def test_importing_needs_no_pyarrow() -> None:
    check = "import sys, regtap.trace.reader, regtap.commands.info; print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# What is no trace, or a damaged one: one line that names the file.


def refused(path: Path) -> str:
    """Return the one line that a damaged trace is refused with."""
    with pytest.raises(TraceError) as caught:
        open_trace(path).to_arrow()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no such folder" in refused(tmp_path / "nowhere")


def test_a_folder_without_parts(tmp_path: Path) -> None:
    (tmp_path / "other.parquet").write_bytes(b"")
    assert "it holds no part-00000.parquet" in refused(tmp_path)


def test_a_capture_without_a_finished_part(tmp_path: Path) -> None:
    (tmp_path / "_spool").write_text("{}")
    assert "has no finished part yet" in refused(tmp_path)


def test_a_part_in_place_of_its_folder(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run") / "part-00000.parquet"
    assert "part-00000.parquet is a file" in refused(path)


def test_a_part_that_is_no_parquet_file(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows_per_part=500)
    (path / "part-00001.parquet").write_text("some words that somebody put here")
    assert "part-00001.parquet is no Parquet file" in refused(path)


@pytest.mark.parametrize("kept", [0, 4, 11, 100, -1, -9])
def test_a_truncated_part(tmp_path: Path, kept: int) -> None:
    path = counter_trace(tmp_path / "run", rows_per_part=500)
    part = path / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:kept])

    assert "part-00001.parquet is truncated" in refused(path)


def test_a_part_that_is_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "part-00000.parquet")
    assert "part-00000.parquet is no regular file" in refused(tmp_path)


def test_a_part_that_is_a_device_without_an_end(tmp_path: Path) -> None:
    (tmp_path / "part-00000.parquet").symlink_to("/dev/zero")
    assert "part-00000.parquet is no regular file" in refused(tmp_path)


def test_a_part_whose_rows_are_damaged(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows=10_000, rows_per_part=5_000)
    part = path / "part-00001.parquet"
    content = bytearray(part.read_bytes())
    content[4:400] = b"\xff" * 396  # the footer still stands
    part.write_bytes(content)

    assert "part-00001.parquet is damaged" in refused(path)


def test_a_parquet_file_of_somebody_else(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t_ns": [1, 2]}), tmp_path / "part-00000.parquet")
    assert "part-00000.parquet was not written by regtap" in refused(tmp_path)


def test_a_format_of_the_future(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run")
    rewrite(path / "part-00000.parquet", format_version=99)
    assert "trace format 99" in refused(path)


def test_a_trace_keeps_fields_and_the_names_of_their_values(tmp_path: Path) -> None:
    mode = Field(
        "MODE", 1, 2, "how", (Value("OFF", 0), Value("FAST", 2, "2x", 1, "read")), "other", "read-only", "x"
    )
    status = Register("S", 0, "u16be", (mode,), "pops", "state", "read-write-once", "one-clears", 0, True)

    write_trace(tmp_path / "run", [status], [0], {"S": np.array([1], np.uint16)})

    assert open_trace(tmp_path / "run").registers == (status,)


def test_a_trace_of_the_first_format_opens(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run") / "part-00000.parquet"
    document = json.loads(read_part(path).metadata.to_json())
    field = {"name": "LOW", "lsb": 0, "bits": 4, "description": ""}
    first = {
        "name": "COUNT",
        "address": 16,
        "type": "u32",
        "fields": [field],
        "read_effect": "",
        "description": "",
    }
    content = json.dumps({**document, "format_version": 1, "registers": [first]}).encode()

    pq.write_table(pq.read_table(path).replace_schema_metadata({METADATA_KEY: content}), path)

    assert open_trace(path.parent).registers == (Register("COUNT", 0x10, fields=(Field("LOW", 0, 4),)),)


def test_what_a_register_leaves_open_takes_no_room(tmp_path: Path) -> None:
    document = json.loads(
        read_part(counter_trace(tmp_path / "run") / "part-00000.parquet").metadata.to_json()
    )

    assert document["registers"] == [{"name": "COUNT", "address": 16}]


def test_metadata_that_is_no_json(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run") / "part-00000.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata({METADATA_KEY: b"{"}), path)
    assert "regtap metadata cannot be read" in refused(path.parent)


def test_columns_that_are_not_the_registers(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run") / "part-00000.parquet"
    rewrite(path, registers=(Register("OTHER", 0x10),))
    assert "are not the registers" in refused(path.parent)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows_per_part=250)
    (path / "part-00001.parquet").unlink()
    assert "part-00001.parquet is missing" in refused(path)


def test_parts_of_two_traces(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows_per_part=500)
    other = write_trace(tmp_path / "other", [Register("R", 0)], [0], {"R": [1]})
    rewrite(other / "part-00000.parquet", part=1)
    (other / "part-00000.parquet").replace(path / "part-00001.parquet")

    assert "part-00001.parquet holds other registers" in refused(path)


def test_a_renamed_part(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows_per_part=500)
    (path / "part-00001.parquet").write_bytes((path / "part-00000.parquet").read_bytes())
    assert "part-00001.parquet calls itself part 0" in refused(path)


@pytest.mark.parametrize("time_ns", [2**62 + 1, 2**63 - 1, -(2**63)])
def test_times_that_no_capture_has_are_a_damage(tmp_path: Path, time_ns: int) -> None:
    times = sorted([0, time_ns])
    path = write_trace(tmp_path / "run", [STATUS], times, {"STATUS": [1, 2]})

    with pytest.raises(TraceError, match=f"is damaged .*{time_ns} "):
        open_trace(path)


def test_the_largest_times_of_a_capture_are_read(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "run", [STATUS], [-(2**62), 2**62], {"STATUS": [1, 2]})

    assert open_trace(path).to_arrow()["t_ns"].to_pylist() == [-(2**62), 2**62]


def test_a_part_of_another_capture_is_refused(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows=100, rows_per_part=50)
    rewrite(path / "part-00001.parquet", start=replace(START, realtime_ns=START.realtime_ns + 1))

    with pytest.raises(TraceError, match="two traces are mixed"):
        _ = open_trace(path).rows
