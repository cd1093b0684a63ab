"""`regtap record` as a process: what it stores, prints and returns."""

from __future__ import annotations

import json
import os
import pwd
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from tests.command import REGTAP, fork_regtap, run_regtap, start_regtap, wait_for, wait_for_spool
from tests.conservation import assert_conserved
from tests.sim_counts import assert_checks_fit_counts

import regtap
from regtap.simulator.process import check_of
from regtap.spool.reader import SpoolReader

NOBODY = pwd.getpwnam("nobody")
RECORD_DURING = ("record", "-t", "sim", "COUNT32", "-o", "run", "--rate", "1k", "--")  # and a command


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(8192))
    return path


@pytest.fixture(scope="module")
def sim_trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full-speed capture of registers that prove themselves."""
    folder = tmp_path_factory.mktemp("sim")
    registers = ["COUNT32", "CHECK", "CHECKED", "STATUS"]
    for duration in ("100ms", "1s", "5s"):  # on a busy machine the device seldom moves
        options = ["-o", duration, "--duration", duration, "--spool-size", "64MiB"]
        done = run_regtap("record", "-t", "sim", *registers, *options, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert re.search(r"taken ([0-9,]+) = stored \1 \+ lost 0$", done.stdout.rstrip())
        if len(checked_values(folder / duration)) > 10:
            break
    return folder / duration


def checked_values(trace: Path) -> np.ndarray:
    """Return the different values of CHECKED."""
    return np.unique(pd.read_parquet(trace, columns=["CHECKED"])["CHECKED"].to_numpy())


def test_count_never_goes_back_and_moves(sim_trace: Path) -> None:
    counts = pd.read_parquet(sim_trace, columns=["COUNT32"])["COUNT32"].to_numpy().astype(np.int64)

    steps = np.diff(counts)
    assert steps.min() >= 0
    assert counts[-1] > counts[0]


def test_each_checked_fits_itself(sim_trace: Path) -> None:
    values = checked_values(sim_trace)
    assert len(values) > 10
    assert all(check_of(int(value) & 0xFFFFFFFF) == int(value) >> 32 for value in values)


def test_each_check_fits_a_count_between_its_neighbours(sim_trace: Path) -> None:
    table = pd.read_parquet(sim_trace, columns=["COUNT32", "CHECK"])

    assert_checks_fit_counts(table["COUNT32"].to_numpy(), table["CHECK"].to_numpy())


def test_duckdb_reads_it_without_our_help(sim_trace: Path) -> None:
    query = f"select count(*), min(t_ns), max(t_ns) from '{sim_trace}/*.parquet'"

    rows, first, last = duckdb.connect().execute(query).fetchall()[0]
    assert rows == regtap.open_trace(sim_trace).rows
    assert 0 <= first < last


def test_it_balances(sim_trace: Path) -> None:
    assert_conserved(regtap.open_trace(sim_trace))


def test_json_is_one_object_with_the_balance(tmp_path: Path) -> None:
    done = fork_regtap(
        "record", "-t", "sim", "GPIO", "-o", "run", "--samples", "5000", "--json", cwd=tmp_path
    )

    result = json.loads(done.stdout)
    assert done.returncode == 0
    assert (result["taken"], result["stored"], result["lost"], result["balanced"]) == (5000, 5000, 0, True)
    assert result["ended"] == "samples"


def test_names_and_types_become_columns(device: Path, tmp_path: Path) -> None:
    device.write_bytes(bytes(range(64)))
    registers = ["first=0:u64be", "0x8:u16", "0x20"]
    options = ["-o", "run", "--samples", "10"]
    done = fork_regtap("record", "-t", f"file:{device}", *registers, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    table = pd.read_parquet(tmp_path / "run")
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
        "t_ns": "int64",
        "first": "uint64",
        "r_8": "uint16",
        "r_20": "uint32",
    }
    assert set(table["first"]) == {0x0001020304050607}
    assert set(table["r_8"]) == {0x0908}


def test_a_commands_status_is_passed_on(tmp_path: Path) -> None:
    done = fork_regtap(*RECORD_DURING, "sh", "-c", "echo out; exit 7", cwd=tmp_path)

    assert done.returncode == 7
    assert done.stdout.startswith("out\n")
    assert regtap.open_trace(tmp_path / "run").totals is not None


def test_a_command_killed_by_a_signal_is_told_as_a_shell_does(tmp_path: Path) -> None:
    done = fork_regtap(*RECORD_DURING, "sh", "-c", "kill -9 $$", cwd=tmp_path)
    assert done.returncode == 128 + 9


def test_a_command_that_cannot_run_is_told_as_a_shell_does(tmp_path: Path) -> None:
    command = tmp_path / "command"
    command.write_text("#!/no/such/interpreter\n")
    command.chmod(0o755)

    done = fork_regtap(*RECORD_DURING, str(command), cwd=tmp_path)

    assert done.returncode == 126
    assert f"note: cannot run '{command}': No such file or directory" in done.stderr
    assert regtap.open_trace(tmp_path / "run").rows > 0  # it had begun


@pytest.mark.parametrize("on_full", ["stop", "discard"])
def test_a_ring_that_fills_is_a_finding_and_told_last(device: Path, tmp_path: Path, on_full: str) -> None:
    # a ring of less than a millisecond, which is less than the writer sleeps
    arguments = [
        "-t",
        f"file:{device}",
        "0:u64",
        "-o",
        "run",
        "--spool-size",
        "512KiB",
        "--duration",
        "300ms",
    ]
    done = fork_regtap("record", *arguments, "--on-full", on_full, cwd=tmp_path)
    assert done.returncode == 1

    totals = regtap.open_trace(tmp_path / "run").totals
    assert totals is not None
    assert (totals.lost > 0, totals.ended) == (
        (True, "duration") if on_full == "discard" else (False, "full")
    )
    assert f"lost {totals.lost:,}" in done.stdout.splitlines()[-1]
    assert_conserved(regtap.open_trace(tmp_path / "run"))


def test_missed_slots_are_a_finding_only_if_asked(device: Path, tmp_path: Path) -> None:
    arguments = ("record", "-t", f"file:{device}", "a=0", "--rate", "1G", "--samples", "2000")

    done = fork_regtap(*arguments, "-o", "run1", cwd=tmp_path)
    strict = fork_regtap(*arguments, "-o", "run2", "--strict-pace", cwd=tmp_path)

    assert (done.returncode, strict.returncode) == (0, 1)
    last, strict_last = done.stdout.splitlines()[-1], strict.stdout.splitlines()[-1]
    assert re.search(
        r"stored 2,000 \+ lost 0 \+ missed [\d,]+; WARNING: (over )?[\d.]+ % of the slots missed$", last
    )
    assert re.search(r"; FINDING: (over )?[\d.]+ % of the slots missed$", strict_last)


def test_a_truncated_device_ends_with_4_and_keeps_earlier_rows(device: Path, tmp_path: Path) -> None:
    arguments = ["record", "-t", f"file:{device}", "last=4096", "-o", "run", "--spool-size", "8MiB"]
    process = start_regtap(*arguments, cwd=tmp_path)
    wait_for(tmp_path / "run" / "part-00000.parquet")
    os.truncate(device, 0)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 4

    last = stderr.rstrip().splitlines()[-1]
    assert "register last at 0x1000" in last

    trace = regtap.open_trace(tmp_path / "run")
    assert trace.rows > 0
    assert_conserved(trace)


def test_kill_9_leaves_a_spool_and_a_note_that_names_it(device: Path, tmp_path: Path) -> None:
    process = start_regtap(
        "record", "-t", f"file:{device}", "0", "-o", "run", "--spool-size", "8MiB", cwd=tmp_path
    )
    spool = wait_for_spool(tmp_path / "run")
    process.kill()
    process.communicate(timeout=30)
    assert spool.stat().st_mode & 0o777 == 0o600

    with SpoolReader(str(spool)) as file:
        assert file.header.owner_pid == process.pid

    spool.unlink()


BAD = {
    "unknown register": (["-t", "sim", "NOPE"], 2),
    "unknown target": (["-t", "sin", "0"], 2),
    "misaligned": (["-t", "sim", "2:u32"], 2),
    "past the end": (["-t", "sim", "4096"], 2),
    "over 64 bits": (["-t", "sim", "0x10000000000000000"], 2),
    "bad rate": (["-t", "sim", "ID", "--rate", "10kk"], 2),
    "zero rate": (["-t", "sim", "ID", "--rate", "0"], 2),
    "rate that is too high": (["-t", "sim", "ID", "--rate", "2G"], 2),
    "bad duration": (["-t", "sim", "ID", "--duration", "2"], 2),
    "bad samples": (["-t", "sim", "ID", "--samples", "-1"], 2),
    "bad size": (["-t", "sim", "ID", "--spool-size", "1XB"], 2),
    "spool without room for a row": (["-t", "sim", "ID", "--spool-size", "4KiB"], 2),
    "spool larger than memory": (["-t", "sim", "ID", "--spool-size", "100000GiB"], 3),
    "bad policy": (["-t", "sim", "ID", "--on-full", "explode"], 2),
    "cpu that is not ours": (["-t", "sim", "ID", "--cpu", "4096"], 2),
    "twice the same column": (["-t", "sim", "ID", "ID"], 2),
    "no register": (["-t", "sim"], 2),
    "no command after --": (["-t", "sim", "ID", "--"], 2),
    "no such command": (["-t", "sim", "ID", "--", "no-such-command-here"], 2),
    "unknown user": (["-t", "sim", "ID", "--user", "no-such-user-here"], 2),
    "missing file": (["-t", "file:nowhere", "0"], 3),
    "empty file": (["-t", "file:/dev/null", "0"], 3),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    if case == "unknown user" and os.geteuid() != 0:
        pytest.skip("only root gives up root; CI runs as root")
    arguments, code = BAD[case]
    options, dashes, command = (arguments, [], []) if "--" not in arguments else _split(arguments)

    done = fork_regtap("record", *options, "-o", "run", *dashes, *command, cwd=tmp_path)

    errors = [line for line in done.stderr.splitlines() if not line.startswith("regtap: note:")]
    assert done.returncode == code, done.stderr
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("regtap: error: ")
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()
    assert not [name for name in os.listdir("/dev/shm") if name.startswith(f"regtap-{done.pid}-")]


def _split(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    at = arguments.index("--")
    return arguments[:at], ["--"], arguments[at + 1 :]


def test_an_existing_output_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("data")

    done = fork_regtap("record", "-t", "sim", "ID", "-o", "run", "--samples", "1", cwd=tmp_path)

    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert os.listdir(tmp_path / "run") == ["precious"]


def test_an_output_without_a_parent_is_refused(tmp_path: Path) -> None:
    done = fork_regtap("record", "-t", "sim", "ID", "-o", "no/such/run", "--samples", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no folder" in done.stderr


def may_raise_limits() -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_RTPRIO, (99, 99))
    except ValueError:
        return False
    return True


def keeps_a_schedule(pid: int) -> bool:
    """Return whether the sampling thread has slept between slots: then it is what it asked to be."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "regtap-sampler":
            found = re.search(
                r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.MULTILINE
            )
            return found is not None and int(found[1]) >= 20
    return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up root; CI runs as root")
class TestAsRoot:
    """What happens to root's power."""

    def test_every_thread_becomes_the_user_behind_sudo(self, device: Path, shared: Path) -> None:
        environment = {**os.environ, "SUDO_UID": str(NOBODY.pw_uid), "SUDO_GID": str(NOBODY.pw_gid)}
        process = subprocess.Popen(
            [*REGTAP, "record", "-t", f"file:{device}", "0", "--rate", "1k", "-o", "run"],
            cwd=shared,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(shared / "run" / "_spool")
        while len(os.listdir(f"/proc/{process.pid}/task")) < 3:  # the threads come after the pointer
            assert process.poll() is None
            time.sleep(0.01)
        statuses = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/status")]
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        assert len(statuses) >= 3  # main, sampler, writer

        for status in statuses:
            facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert facts["Uid"].split() == [str(NOBODY.pw_uid)] * 4
            assert facts["Gid"].split() == [str(NOBODY.pw_gid)] * 4
            assert facts["Groups"].split() == [str(NOBODY.pw_gid)]
            assert {int(facts[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}

        for path in [shared / "run", *(shared / "run").iterdir()]:
            assert path.stat().st_uid == NOBODY.pw_uid

    def test_the_sampling_thread_is_real_time_though_root_is_gone(self, device: Path, shared: Path) -> None:
        arguments = ["record", "-t", f"file:{device}", "0", "--rate", "1k", "--realtime", "--user", "nobody"]
        process = start_regtap(*arguments, "-o", "run", cwd=shared)
        wait_for(shared / "run" / "_spool")
        while not keeps_a_schedule(process.pid):
            assert process.poll() is None
            time.sleep(0.01)
        policies = {
            path.joinpath("comm").read_text().strip(): os.sched_getscheduler(int(path.name))
            for path in Path(f"/proc/{process.pid}/task").iterdir()
        }
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr

        # a container's root may not raise the limit: then the capture says that it was refused
        refused = "could not become SCHED_FIFO" in stderr

        assert policies["regtap-sampler"] == (os.SCHED_OTHER if refused else os.SCHED_FIFO)
        assert policies["regtap-guard"] == os.SCHED_OTHER
        assert refused is not may_raise_limits()

    def test_user_names_whom_to_become(self, device: Path, shared: Path) -> None:
        options = ["--samples", "10", "-o", "run", "--user", "nobody"]
        done = run_regtap("record", "-t", f"file:{device}", "0", *options, cwd=shared)

        assert done.returncode == 0, done.stderr
        assert (shared / "run").stat().st_uid == NOBODY.pw_uid

    def test_a_command_runs_as_that_user(self, device: Path, shared: Path) -> None:
        arguments = ["record", "-t", f"file:{device}", "0", "-o", "run", "--user", "nobody", "--", "id", "-u"]
        assert run_regtap(*arguments, cwd=shared).stdout.splitlines()[0] == str(NOBODY.pw_uid)

    def test_staying_root_is_said(self, device: Path, tmp_path: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_")}
        arguments = ["record", "-t", f"file:{device}", "0", "--samples", "10", "-o", "run"]

        done = run_regtap(*arguments, cwd=tmp_path, env=environment)

        assert "root" in done.stderr

    def test_an_output_that_may_not_be_made_is_refused(self, device: Path, tmp_path: Path) -> None:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        arguments = ["record", "-t", f"file:{device}", "0", "--samples", "1", "--user", "nobody"]

        done = run_regtap(*arguments, "-o", str(closed / "run"), cwd=tmp_path)

        assert done.returncode == 3
        assert "Permission denied" in done.stderr


def test_help_says_where_a_commands_output_goes() -> None:
    said = " ".join(run_regtap("record", "--help").stdout.split())

    assert "what COMMAND prints goes to stderr then" in said


def test_a_commands_output_is_not_mixed_with_the_json(tmp_path: Path) -> None:
    arguments = ["-t", "sim", "COUNT32", "--rate", "1k", "--json", "-o", str(tmp_path / "run")]

    done = run_regtap("record", *arguments, "--", "echo", "hello")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["balanced"]
    assert "hello" in done.stderr.splitlines()
