"""`regtap bench` as a process, on the simulated device and on files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.command import fork_regtap, run_regtap, start_regtap

from regtap_bench.figures.result import Cost, Result

NOTEBOOK_BACKEND = "module://matplotlib_inline.backend_inline"  # which every notebook sets
CONTROLS = {"empty loop", "timer", "known delay", "python: empty loop", "A/A twin"}


# As `regtap`, with two processes that measure: each costs its start, and two are the least that give an interval.
TWO_PROCESSES = """
import sys
from regtap.cli.main import main
from regtap_bench.measuring import engine
engine._PROCESSES = 2, 2
sys.exit(main(sys.argv[1:]))
"""


def _bench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    (cwd / "random.py").write_text("raise SystemExit('a module of the current folder was imported')")
    return run_regtap("bench", *arguments, cwd=cwd, env=_surroundings(cwd), is_safe=True)


def _short_bench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", TWO_PROCESSES, "bench", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=_surroundings(cwd), capture_output=True, text=True, timeout=300, check=False
    )


def _surroundings(folder: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(folder), "MPLBACKEND": NOTEBOOK_BACKEND}


@dataclass(frozen=True)
class Run:
    done: subprocess.CompletedProcess[str]
    folder: Path
    result: Result

    def cost(self, arm: str, measure: str = "throughput") -> Cost:
        row = self.result.row(arm)
        assert row is not None
        cost = row.cost(measure)
        assert cost is not None
        return cost


def _run(
    folder: Path, *arguments: str, bench: Callable[..., subprocess.CompletedProcess[str]] = _bench
) -> Run:
    done = bench(*arguments, "-o", "run", cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    return Run(done, folder / "run", Result.from_json((folder / "run" / "result.json").read_text()))


@pytest.fixture(scope="module")
def register_file() -> Iterator[Path]:
    path = Path("/dev/shm") / f"regtap-test-bench-{os.getpid()}"
    path.write_bytes(bytes(8192))
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def on_file(register_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A quick run on a file, which the tests below look at."""
    folder = tmp_path_factory.mktemp("file")
    return _run(
        folder, "-t", f"file:{register_file}", "0x1008", "--quick", "--duration", "1500ms", "--seed", "7"
    )


@pytest.fixture(scope="module")
def on_sim(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A full run on the simulated device, as short as it can be."""
    return _run(tmp_path_factory.mktemp("sim"), "-t", "sim", "--duration", "2s", "--json")


def test_the_verdict_comes_first_and_the_target_is_called_ram(on_file: Run) -> None:
    first = on_file.done.stdout.splitlines()[0]

    assert first.startswith(("A 32-bit read costs <= ", "INVALID"))
    assert "its mmap/pread ratio is not that of a real bus" in on_file.done.stdout
    assert not on_file.result.is_device


def test_the_exit_code_says_whether_the_controls_passed(on_file: Run) -> None:
    assert on_file.done.returncode == (0 if on_file.result.valid else 1)


def test_a_quick_run_has_at_most_eight_arms_and_every_control(on_file: Run) -> None:
    names = {row.arm for row in on_file.result.rows}
    assert names >= CONTROLS
    assert len(names - CONTROLS) <= 8


def test_system_calls_are_counted(on_file: Run) -> None:
    counted = {row.arm: row.system_calls for row in on_file.result.rows}
    counted["python: regtap"] = round(counted["python: regtap"] or 0)  # its fault guard calls now and then

    assert (counted["mmap load"], counted["pread"], counted["lseek+read"]) == (0, 1, 2)
    assert (counted["open+mmap+load"], counted["python: os.pread"], counted["python: regtap"]) == (4, 1, 0)


def test_orders_of_cost_are_as_everybody_knows_them(on_file: Run) -> None:
    load, pread, both = (on_file.cost(arm).ns.value for arm in ("mmap load", "pread", "lseek+read"))
    assert load < pread < both

    row = on_file.result.row("mmap load")

    assert row is not None
    assert (row.verdict, row.ratio_is_bound) == ("faster", True)


def test_every_block_is_kept_with_its_process_round_and_position(on_file: Run) -> None:
    table = pq.read_table(on_file.folder / "raw.parquet")
    assert set(table["process"].to_pylist()) == set(range(5))

    rounds = sum(
        cost.rounds * len(cost.counts) for row in on_file.result.rows for cost in (row.costs or {}).values()
    )

    assert table.num_rows == rounds
    assert table.schema.names == [
        "process", "round", "position", "arm", "measure", "count", "ticks", "ns", "switches", "faults",
        "moves", "stolen",
    ]  # fmt: skip


def test_the_report_has_the_sentence_the_seed_and_the_machine(on_file: Run) -> None:
    report = (on_file.folder / "report.md").read_text()

    assert on_file.done.stdout.splitlines()[0] in report
    assert "--seed 7" in report
    assert "0x1008" in report
    assert on_file.result.environment["processor"] in report


def test_workers_are_single_threaded_while_they_measure(on_file: Run, on_sim: Run) -> None:
    workers = [*on_file.result.workers, *on_sim.result.workers]

    # io_uring, a slow arm, may start threads of the kernel: its processes measure nothing else but the baseline.
    threads = [worker["threads"] for worker in workers if worker["cadence"] != "slow"]
    assert threads == [1] * len(threads)
    assert len(threads) == 15


def test_a_full_run_on_sim_has_every_width_writes_and_python(on_sim: Run) -> None:
    measured = {row.arm for row in on_sim.result.rows if not row.refused}

    assert measured >= {"mmap load", "mmap load u8", "mmap load u16", "mmap load u64", "mmap store", "pwrite"}
    assert measured >= {f"python: {name}" for name in ("memoryview", "numpy", "ctypes", "struct", "slice")}
    assert on_sim.result.write_register == {"name": "SCRATCH", "address": 0x2C, "type": "u32"}


def test_a_full_run_reads_blocks_up_to_the_size_of_the_target(on_sim: Run) -> None:
    points = on_sim.result.crossover
    measured = {(it.way, it.size_bytes) for it in points if it.cost is not None}
    assert measured == {(way, 4 << k) for way in ("loads", "memcpy", "pread") for k in range(11)}
    assert all("no aligned block" in it.refused for it in points if it.cost is None)
    assert {it.system_calls for it in points if it.way == "pread" and it.cost is not None} <= {1, None}

    pairs = [(it.one, it.other) for it in on_sim.result.crossings]
    assert pairs == [("loads", "memcpy"), ("loads", "pread"), ("memcpy", "pread")]

    report = (on_sim.folder / "report.md").read_text()
    assert "from 8 KiB to 1 MiB: not here" in report
    assert "| 4 KiB |" in report
    assert "What reading many bytes at once costs" in (on_sim.folder / "report.html").read_text()


def test_arms_that_a_target_has_not_are_reported_with_the_reason(on_sim: Run) -> None:
    rows = {row.arm: row for row in on_sim.result.rows}
    assert "/dev/mem" in rows["busybox devmem"].refused
    assert rows["io_uring"].refused or rows["io_uring"].system_calls in (1 / 16, None)


def test_arms_with_their_own_rounds_have_their_own_processes(on_sim: Run) -> None:
    table = pq.read_table(on_sim.folder / "raw.parquet")
    pairs = set(zip(table["process"].to_pylist(), table["arm"].to_pylist(), strict=True))

    whole = {process for process, arm in pairs if " by " in arm}
    assert whole == set(range(5, 10))
    assert not {arm for process, arm in pairs if process in whole and " by " not in arm}
    assert not {process for process, arm in pairs if arm == "io_uring"} & set(range(10))


def test_a_device_has_a_baseline_in_ram_and_one_access_width(tmp_path: Path) -> None:
    run = _run(tmp_path, "-t", "file:/dev/zero", "0x10", "--duration", "1s", bench=_short_bench)
    kinds = {row.arm: row.kind for row in run.result.rows}
    assert run.result.is_device
    assert (kinds["RAM: mmap load"], kinds["RAM: pread"]) == ("memory", "memory")
    assert not {"mmap load u8", "mmap load u64", "mmap store", "pwrite"} & set(kinds)

    refused = {row.arm: row.refused for row in run.result.rows if row.refused}
    assert "twice" in refused["python: slice"]
    assert "lseek+read" in refused  # this device's offset cannot be set
    assert "not here" in run.done.stdout
    assert len(run.result.crossover) > 0
    assert all(it.refused.startswith("on a device") for it in run.result.crossover)
    assert "memcpy from 4 B to 1 MiB: not here: on a device" in run.done.stdout


def test_a_target_in_ram_is_the_same_by_mmap_and_pread(on_file: Run) -> None:
    (check,) = [check for check in on_file.result.checks if check.name == "same register"]

    assert check.passed
    assert "agree" in check.text
    assert f"passed  same register: {check.text}" in on_file.done.stdout


def test_the_folder_holds_every_form_of_the_result(on_file: Run) -> None:
    assert {path.name for path in on_file.folder.iterdir()} == {
        "raw.parquet", "report.html", "report.md", "result.json",
    }  # fmt: skip
    assert (on_file.folder / "report.html").read_text().startswith("<!doctype html>")


def test_json_is_the_result(on_sim: Run) -> None:
    assert json.loads(on_sim.done.stdout) == json.loads((on_sim.folder / "result.json").read_text())


def test_writes_go_only_to_the_register_that_was_named(register_file: Path, tmp_path: Path) -> None:
    before = bytes(range(256)) * 32
    register_file.write_bytes(before)
    arguments = ("-t", f"file:{register_file}", "0x10", "--allow-write", "0x20:u64", "--duration", "1s")

    run = _run(tmp_path, *arguments, bench=_short_bench)

    assert run.cost("mmap store").rounds > 0
    assert register_file.read_bytes() == before
    assert run.result.write_register == {"name": "r_20", "address": 0x20, "type": "u64"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_results_belong_to_the_user_that_was_named(tmp_path: Path, shared: Path) -> None:
    done = _short_bench(
        "-t", "sim", "--quick", "--duration", "1s", "--user", "nobody", "-o", str(shared / "run"),
        cwd=tmp_path,
    )  # fmt: skip

    assert "Traceback" not in done.stderr
    owners = {path.owner() for path in shared.rglob("*")}
    names = {path.name for path in (shared / "run").iterdir()}
    assert owners == {"nobody"}
    assert "result.json" in names


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_may_not_write_is_refused_before_measuring(tmp_path: Path) -> None:
    done = _bench("-t", "sim", "--quick", "--duration", "1s", "--user", "nobody", cwd=tmp_path)

    assert done.returncode == 2
    assert f"nobody, whose the results will be, may not write in {tmp_path}" in done.stderr
    assert "estimating" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("-t", "sim", "NOSUCH"), 2, "unknown register"),
        (
            ("-t", "sim", "t=COUNT64_LO/COUNT64_HI:u64pair"),
            2,
            "t is a pair of registers, and single accesses are",
        ),
        (("-t", "file:f"), 2, "name the register"),
        (("-t", "file:f", "0x2"), 2, "aligned"),
        (("-t", "file:f", "0x10000"), 2, "0x10000"),
        (("-t", "file:none", "0x0"), 3, "none"),
        (("-t", "file:f", "0x0", "-o", "f"), 2, "exists already"),
        (("-t", "file:f", "0x0", "--duration", "1h"), 2, "--duration"),
        (("-t", "file:f", "0x0", "--cpu", "4096"), 2, "CPU 4096"),
        (("-t", "file:f", "0x0", "--quick", "--allow-write", "0x4"), 2, "no writes"),
    ],
)
def test_bad_input_is_one_line_and_the_right_exit_code(
    arguments: tuple[str, ...], code: int, says: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(bytes(4096))

    done = fork_regtap("bench", *arguments, cwd=tmp_path, env=_surroundings(tmp_path))

    assert done.returncode == code
    assert done.stdout == ""

    lines = [line for line in done.stderr.splitlines() if "note:" not in line]
    assert len(lines) == 1
    assert says in lines[0]
    assert not (tmp_path / "results").exists()


def test_a_run_says_beforehand_how_often_it_reads(on_file: Run) -> None:
    lines = on_file.done.stderr.splitlines()
    (said,) = (at for at, line in enumerate(lines) if " will be read up to " in line)
    reads = int(lines[said].partition(" up to ")[2].removesuffix(" times").replace(",", ""))

    assert "process 1 of" in lines[said + 1]
    blocks = pq.read_table(on_file.folder / "raw.parquet", columns=["arm", "count"]).to_pylist()
    made = sum(row["count"] for row in blocks if row["arm"] not in CONTROLS - {"A/A twin"})
    assert made <= reads


def test_results_are_on_the_disk_before_anything_is_drawn(on_file: Run) -> None:
    stored = [line for line in on_file.done.stderr.splitlines() if "run: re" in line]

    assert [line.partition("run: ")[2] for line in stored] == [
        "result.json, raw.parquet",
        "report.html, report.md",
    ]


@pytest.mark.parametrize(("finished", "kept"), [(1, False), (2, True)])
def test_ctrl_c_keeps_what_processes_have_finished(finished: int, kept: bool, tmp_path: Path) -> None:
    arguments = ["bench", "-t", "sim", "--quick", "--duration", "1s", "-o", str(tmp_path / "result")]
    process = start_regtap(*arguments)
    assert process.stderr is not None
    for line in process.stderr:
        if f"process {finished + 1} of" in line:
            break

    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=300)

    assert process.returncode == 130, said
    assert (tmp_path / "result" / "result.json").exists() == kept
    if kept:
        result = json.loads((tmp_path / "result" / "result.json").read_text())
        checks = {check["name"]: check for check in result["checks"]}
        assert result["processes"] == finished
        assert not checks["all processes"]["passed"]
        assert f"interrupted after {finished} of " in checks["all processes"]["text"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may unmount; CI runs this as root")
def test_without_proc_nothing_is_measured(tmp_path: Path) -> None:
    script = f"umount -l /proc; exec {sys.executable} -m regtap bench -t sim --quick -o run"

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 3, done.stderr
    assert "error: there is no /proc, and a benchmark could not see" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
