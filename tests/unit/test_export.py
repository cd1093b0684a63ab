"""A trace in other formats, read back by readers of their own."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pylibfst
import pytest
import pywellen
from perfetto.protos.perfetto.trace import perfetto_trace_pb2
from tests.synthetic import START, STATUS, TraceOptions, counter_trace, write_trace

from regtap.errors import InputError, RegtapError, TraceError
from regtap.registers.model import Field, Register, Value
from regtap.system.output import whole_output, write_output
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark, Mode
from regtap.trace.reader import Trace, open_trace
from regtap_analysis.export import write
from regtap_analysis.export.fst import FstWriter
from regtap_analysis.export.options import ExportOptions, select
from regtap_analysis.export.perfetto import PerfettoWriter
from regtap_analysis.export.vcd import VcdWriter
from regtap_analysis.export.write import check_output, export_trace
from regtap_analysis.export.written import Written
from regtap_analysis.progress import ReadingProgress

BIG = Register("U.BIG", 0x40, "u64")
MODE = Register("MODE", 0x30, "u8", (Field("STATE", 0, 2, "", (Value("IDLE", 0), Value("RUN", 1))),))
TIMES = [0, 10, 20, 30, 140, 150, 160, 170]
STATUS_VALUES = [0, 1, 1, 5, 5, 4, 2, 0x300]
BIG_VALUES = np.array([2**64 - 4, 2**64 - 3, 2**64 - 2, 2**64 - 1, 0, 1, 2, 3], np.uint64)
MODE_VALUES = [0, 0, 1, 1, 1, 0, 0, 3]
GAP = Gap(4, 5, 30, 140, "missed")
MARKS = (Mark(12, "phase two"), Mark(31, "inside"), Mark(160, "end"))


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """Return a trace of three parts with a gap and marks."""
    path = tmp_path_factory.mktemp("export") / "run"
    values: dict[str, npt.ArrayLike] = {"STATUS": STATUS_VALUES, "U.BIG": BIG_VALUES, "MODE": MODE_VALUES}
    options = TraceOptions(rows_per_part=3, gaps=(GAP,), marks=MARKS)
    return open_trace(write_trace(path, [STATUS, BIG, MODE], TIMES, values, options))


def export(trace: Trace, path: Path, **options: Any) -> Written:
    """Export a trace to a file."""
    return export_trace(select(trace, ExportOptions(**options)), path, ReadingProgress(0, 1))


def waves(path: Path) -> dict[str, list[tuple[int, int | str]]]:
    """Return each signal's changes, as pywellen reads them."""
    opened = pywellen.Waveform(str(path))
    return {variable.full_name: list(variable.signal) for variable in opened.all_vars()}


def expected_changes(values: list[int], unknown: str) -> list[tuple[int, int | str]]:
    """Return the changes of a signal of the trace: every new value, x after the gap's last row, the value after it."""
    changes: list[tuple[int, int | str]] = []
    for index, (t_ns, value) in enumerate(zip(TIMES, values, strict=True)):
        if index == 0 or value != values[index - 1] or t_ns == GAP.t1_ns:
            changes.append((t_ns, value))
        if t_ns == GAP.t0_ns:
            changes.append((GAP.t0_ns + 1, unknown))
    return changes


@pytest.mark.parametrize("ending", ["vcd", "fst"])
def test_waves_are_the_same_changes_again(trace: Trace, tmp_path: Path, ending: str) -> None:
    export(trace, tmp_path / f"run.{ending}")

    read = waves(tmp_path / f"run.{ending}")
    assert read["U.BIG"] == expected_changes([int(value) for value in BIG_VALUES], "x" * 64)
    assert read["regtap.STATUS"] == expected_changes(STATUS_VALUES, "x" * 32)
    assert read["STATUS.LEVEL"] == expected_changes([value >> 8 & 15 for value in STATUS_VALUES], "xxxx")
    assert read["STATUS.ERROR"] == expected_changes([value >> 2 & 1 for value in STATUS_VALUES], "x")
    assert read["MODE.STATE"] == expected_changes(MODE_VALUES, "xx")
    assert [it for it in read["regtap.marks"] if it[1]] == [(12, "phase_two"), (31, "inside"), (160, "end")]
    assert len(read) == 3 + 4 + 1 + 1


@pytest.mark.parametrize("ending", ["vcd", "fst"])
def test_waves_of_a_window_begin_in_it(trace: Trace, tmp_path: Path, ending: str) -> None:
    export(trace, tmp_path / f"run.{ending}", registers=("U.BIG",), first_ns=20, stop_ns=151)

    read = waves(tmp_path / f"run.{ending}")
    assert [it for it in read["U.BIG"] if it[0] >= 20] == [
        (20, 2**64 - 2),
        (30, 2**64 - 1),
        (31, "x" * 64),
        (140, 0),
        (150, 1),
    ]
    assert "regtap.STATUS" not in read


def last_time(path: Path) -> int:
    """Return the time at which a file of waves ends."""
    if path.suffix == ".pftrace":
        return int(packets(path)[-1].timestamp) - START.boottime_ns
    if path.suffix == ".vcd":
        return int([line for line in path.read_text().splitlines() if line.startswith("#")][-1][1:])
    reader = pylibfst.lib.fstReaderOpen(str(path).encode())
    end = int(pylibfst.lib.fstReaderGetEndTime(reader))
    pylibfst.lib.fstReaderClose(reader)
    return end


@pytest.mark.parametrize("ending", ["vcd", "fst", "pftrace"])
@pytest.mark.parametrize(("stop_ns", "end_ns"), [(100, 100), (140, 140), (None, 170)])
def test_a_gap_ends_where_the_window_ends(
    trace: Trace, tmp_path: Path, stop_ns: int | None, end_ns: int, ending: str
) -> None:
    export(trace, tmp_path / f"run.{ending}", registers=("STATUS", "MODE"), stop_ns=stop_ns)

    assert last_time(tmp_path / f"run.{ending}") == end_ns


@pytest.mark.parametrize("ending", ["vcd", "fst", "pftrace", "csv", "parquet", "arrow"])
@pytest.mark.parametrize("window", [(21, 22), (100, 110), (10**9, None)])
def test_a_window_without_rows_is_a_file_without_rows(
    trace: Trace, tmp_path: Path, ending: str, window: tuple[int, int | None]
) -> None:
    path = tmp_path / f"run.{ending}"

    written = export(trace, path, registers=("STATUS",), first_ns=window[0], stop_ns=window[1])

    assert written.count == 0
    if ending in ("vcd", "fst"):
        assert all("x" in str(value) for _, value in waves(path)["regtap.STATUS"])


@pytest.mark.parametrize("ending", ["vcd", "fst"])
def test_values_hold_through_unchanged_rows_and_gaps_with_rows(tmp_path: Path, ending: str) -> None:
    gaps = (Gap(2, 3, 1_000, 5_000, "unchanged"), Gap(6, 2, 6_000, 9_000, "missed", 1))
    counter_trace(tmp_path / "run", 10, gaps=gaps)

    written = export(open_trace(tmp_path / "run"), tmp_path / f"run.{ending}")

    assert waves(tmp_path / f"run.{ending}")["regtap.COUNT"] == [(index * 1000, index) for index in range(10)]
    assert "gaps with rows inside" in written.lacking


@pytest.mark.parametrize("ending", ["vcd", "fst"])
def test_what_on_change_does_not_name_is_unknown_between_rows(tmp_path: Path, ending: str) -> None:
    options = TraceOptions(
        mode=Mode("10000", "discard", on_change=("STATUS.DONE",)), gaps=(Gap(2, 3, 20, 50, "unchanged"),)
    )
    values = {"STATUS": [0x100, 0x102, 0x302], "MODE": [1, 1, 2]}
    write_trace(tmp_path / "run", [STATUS, MODE], [10, 20, 50], values, options)

    export(open_trace(tmp_path / "run"), tmp_path / f"run.{ending}")

    read = waves(tmp_path / f"run.{ending}")
    assert changes_after(10, read["STATUS.DONE"]) == [(20, 1)]
    assert changes_after(10, read["STATUS.LEVEL"]) == [(21, "x" * 4), (50, 3)]
    assert changes_after(10, read["regtap.MODE"]) == [(21, "x" * 8), (50, 2)]


def changes_after(t_ns: int, changes: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    return [change for change in changes if change[0] > t_ns]


@pytest.mark.parametrize("ending", ["vcd", "fst"])
def test_times_before_zero_are_moved_to_zero(tmp_path: Path, ending: str) -> None:
    write_trace(tmp_path / "run", [MODE], [-50, 10], {"MODE": [1, 2]})

    export(open_trace(tmp_path / "run"), tmp_path / f"run.{ending}")

    assert waves(tmp_path / f"run.{ending}")["regtap.MODE"] == [(0, 1), (60, 2)]


@pytest.mark.parametrize("ending", ["vcd", "fst"])
def test_each_change_before_zero_keeps_its_time(tmp_path: Path, ending: str) -> None:
    gaps, marks = (Gap(2, 1, -40, -20, "full"),), (Mark(-15, "before"),)
    options = TraceOptions(gaps=gaps, marks=marks)
    write_trace(tmp_path / "run", [MODE], [-50, -40, -20, -10, 10], {"MODE": [1, 2, 3, 0, 2]}, options)

    export(open_trace(tmp_path / "run"), tmp_path / f"run.{ending}")

    read = waves(tmp_path / f"run.{ending}")
    assert read["regtap.MODE"] == [(0, 1), (10, 2), (11, "x" * 8), (30, 3), (40, 0), (60, 2)]
    assert [it for it in read["regtap.marks"] if it[1]] == [(35, "before")]


@pytest.mark.parametrize("ending", ["vcd", "fst", "pftrace"])
def test_texts_of_a_hostile_trace_do_no_harm(tmp_path: Path, ending: str) -> None:
    text = "a \udcff\x1b $end $enddefinitions $end #5"
    options = TraceOptions(target=text, marks=(Mark(5, text),))
    write_trace(tmp_path / "run", [MODE], [0, 10], {"MODE": [1, 2]}, options)

    export(open_trace(tmp_path / "run"), tmp_path / f"run.{ending}")

    written = (tmp_path / f"run.{ending}").read_bytes()
    assert ending != "vcd" or (b"\x1b" not in written and written.count(b"$enddefinitions $end\n") == 1)
    assert ending == "pftrace" or waves(tmp_path / f"run.{ending}")["regtap.MODE"] == [(0, 1), (10, 2)]


def packets(path: Path) -> list[Any]:
    """Return the packets of a Perfetto file, in the order of time."""
    outer = perfetto_trace_pb2.Trace()
    outer.ParseFromString(path.read_bytes())
    found: list[Any] = []
    for packet in outer.packet:
        inner = perfetto_trace_pb2.Trace()
        inner.ParseFromString(zlib.decompress(packet.compressed_packets))
        found += inner.packet
    return sorted(found, key=lambda packet: packet.timestamp)


def test_perfetto_has_counters_states_gaps_and_marks(trace: Trace, tmp_path: Path) -> None:
    export(trace, tmp_path / "run.pftrace", registers=("STATUS", "MODE"))

    found = packets(tmp_path / "run.pftrace")
    tracks = {
        it.track_descriptor.uuid: it.track_descriptor for it in found if it.HasField("track_descriptor")
    }
    names = {uuid: track.name for uuid, track in tracks.items()}
    events = [
        (names[it.track_event.track_uuid], it.timestamp - START.boottime_ns, it.track_event)
        for it in found
        if it.HasField("track_event")
    ]
    status = [(t_ns, event.counter_value) for name, t_ns, event in events if name == "STATUS"]
    assert status == [it for it in expected_changes(STATUS_VALUES, "x") if it[1] != "x"]
    states = [(t_ns, event.name) for name, t_ns, event in events if name == "MODE.STATE"]
    begun = [state for state in states if state[1]]
    assert begun == [(0, "IDLE"), (20, "RUN"), (140, "RUN"), (150, "IDLE"), (170, "3")]
    assert len(states) == 2 * len(begun)
    gaps = [(t_ns, event.name) for name, t_ns, event in events if name == "gaps"]
    assert gaps == [(31, "missed: 5 absent"), (140, "")]
    assert [(t_ns, event.name) for name, t_ns, event in events if name == "marks"] == [
        (mark.t_ns, mark.text) for mark in MARKS
    ]
    assert tracks[10].HasField("counter")


def test_perfetto_names_numbers_without_a_name_of_their_own(tmp_path: Path) -> None:
    field = Field("STATE", 0, 2, values=(Value("GO", 1, use="write"),), otherwise="OTHER")
    write_trace(tmp_path / "run", [Register("MODE", 0x30, "u8", (field,))], [0, 10], {"MODE": [0, 1]})

    export(open_trace(tmp_path / "run"), tmp_path / "run.pftrace")

    begun = [it.track_event.name for it in packets(tmp_path / "run.pftrace") if it.track_event.name]
    assert begun == ["OTHER", "OTHER"]


def test_perfetto_refuses_what_a_counter_cannot_hold(trace: Trace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"U\.BIG has values of 2\*\*63 and more"):
        export(trace, tmp_path / "run.pftrace")

    assert list(tmp_path.iterdir()) == []


def test_csv_is_read_by_pandas_and_duckdb(trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"

    written = export(trace, path)

    read = pd.read_csv(path)
    assert read["t_ns"].tolist() == TIMES
    assert read["U.BIG"].tolist() == [int(value) for value in BIG_VALUES]
    assert duckdb.execute(f"SELECT sum(\"U.BIG\"::HUGEINT) FROM '{path}'").fetchall() == [
        (sum(map(int, BIG_VALUES)),)
    ]
    assert written == Written(8, "row", ("gaps", "marks"))


def test_one_parquet_file_keeps_types_gaps_and_marks(trace: Trace, tmp_path: Path) -> None:
    export(trace, tmp_path / "run.parquet")

    table = pq.read_table(tmp_path / "run.parquet")
    assert table.column("U.BIG").type == pa.uint64()
    assert table.column("U.BIG").to_pylist() == [int(value) for value in BIG_VALUES]
    metadata = pq.read_metadata(tmp_path / "run.parquet").metadata[b"regtap_export"]
    assert b'"gaps": [[4, 5, 30, 140, "missed", 0]]' in metadata
    assert b'[12, "phase two"]' in metadata


def test_arrow_files_can_be_mapped(trace: Trace, tmp_path: Path) -> None:
    export(trace, tmp_path / "run.arrow")

    with pa.memory_map(str(tmp_path / "run.arrow")) as file:
        table = pa.ipc.open_file(file).read_all()
        assert table.column("STATUS").to_pylist() == STATUS_VALUES
        assert b"regtap_export" in table.schema.metadata


def test_on_change_keeps_rows_that_differ_over_batches(tmp_path: Path) -> None:
    values = np.repeat([1, 1, 2, 2, 3], 3)
    write_trace(tmp_path / "run", [MODE], range(15), {"MODE": values}, TraceOptions(rows_per_part=4))

    export(open_trace(tmp_path / "run"), tmp_path / "run.csv", on_change=True)

    assert pd.read_csv(tmp_path / "run.csv").to_numpy().tolist() == [[0, 1], [6, 2], [12, 3]]


def test_an_export_without_rows_is_a_file_all_the_same(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", 0)

    for ending in ("csv", "parquet", "arrow", "vcd", "fst", "pftrace"):
        assert export(open_trace(tmp_path / "run"), tmp_path / f"run.{ending}").count == 0
        assert (tmp_path / f"run.{ending}").exists()


def test_a_register_that_is_unknown_is_named(trace: Trace) -> None:
    with pytest.raises(InputError, match="there is nothing called 'X'; the registers are STATUS"):
        select(trace, ExportOptions(registers=("X",)))


def test_a_tail_of_a_name_will_do_and_a_field_is_refused(trace: Trace) -> None:
    chosen = select(trace, ExportOptions(registers=("STATUS", "STATUS")))
    assert chosen.names == ("STATUS",)

    with pytest.raises(InputError, match=r"STATUS\.\w+ is a field; name its register STATUS"):
        select(trace, ExportOptions(registers=(f"STATUS.{trace.registers[0].fields[0].name}",)))


def test_a_window_without_time_is_refused(trace: Trace) -> None:
    with pytest.raises(InputError, match="--to is not after --from"):
        select(trace, ExportOptions(first_ns=5, stop_ns=5))


def test_a_failure_leaves_what_was_there(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.csv"
    path.write_text("kept")

    def fail(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(write._ROWS, "csv", fail)
    with pytest.raises(Exception, match="No space left on device"):
        export(trace, path)

    assert path.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"

    with pytest.raises(InputError, match="exists"), whole_output(path, force=False) as temporary:
        temporary.write_text("ours")
        path.write_text("another's")

    assert path.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_links_takes_an_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("regtap.system.files.os.link", refuse)

    write_output(tmp_path / "x.csv", b"ours", force=False)
    with pytest.raises(InputError, match="exists"):
        write_output(tmp_path / "x.csv", b"new", force=False)

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.csv", b"ours")]


def test_an_output_that_exists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x")

    with pytest.raises(InputError, match="exists"):
        check_output(tmp_path / "x.csv", force=False)
    check_output(tmp_path / "x.csv", force=True)


def test_progress_is_a_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    moments = iter([0.0, 0.5, 1.5, 1.5, 2.0])
    monkeypatch.setattr("regtap_analysis.progress.time.monotonic", lambda: next(moments))
    progress = ReadingProgress(100, 300, said.append)

    progress.at(150)
    progress.at(200)
    progress.at(250)

    assert said == ["50%"]


@pytest.mark.parametrize("times", [[0, 20, 10, 30], [20, 30, 0, 10]])
@pytest.mark.parametrize("ending", ["vcd", "fst", "pftrace"])
def test_times_out_of_order_are_a_damage(tmp_path: Path, times: list[int], ending: str) -> None:
    write_trace(tmp_path / "run", [MODE], times, {"MODE": [1, 2, 3, 4]}, TraceOptions(rows_per_part=2))

    with pytest.raises(TraceError, match="times are not in order"):
        export(open_trace(tmp_path / "run"), tmp_path / f"run.{ending}")


def held() -> list[str]:
    """Return the files that this process has open."""
    return sorted(os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())


@pytest.mark.parametrize("failing", ["a part", "the begin", "the writer", "the end"])
@pytest.mark.parametrize("ending", ["vcd", "fst", "pftrace"])
def test_an_export_that_fails_leaves_no_file_open(
    tmp_path: Path, failing: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [0, 20, 10, 30] if failing == "a part" else [0, 10, 20, 30]
    gaps, marks = (Gap(1, 1, 1, 9, "full"),), (Mark(5, "mark"),)
    options = TraceOptions(rows_per_part=2, gaps=gaps, marks=marks)
    trace = open_trace(write_trace(tmp_path / "run", [MODE], times, {"MODE": [1, 2, 3, 0]}, options))
    output = tmp_path / "output"
    output.mkdir()

    def fail(*given: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    names = {
        "the begin": ("_register", "_variable", "_track"),
        "the writer": ("mark",) * 3,
        "the end": ("close",) * 3,
    }
    for writer, name in zip((VcdWriter, FstWriter, PerfettoWriter), names.get(failing, ()), strict=False):
        monkeypatch.setattr(writer, name, fail)
    before = held()

    with pytest.raises(RegtapError, match=r"No space left|not in order"):
        export(trace, output / f"run.{ending}")

    assert held() == before
    assert list(output.iterdir()) == []
