"""`regtap bench` on a real /dev/mem: it says which ways there are, whether they lead to the same place, and that
what they cost under emulation is no cost.

What the controls make of an emulated clock is not judged: the run may be INVALID, and then says so.
"""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from tests.vm.guest import Run
from tests.vm.judging import both

from regtap_bench.figures.result import Check, Result

BOTH_WAYS = ("bench-hpet", "bench-reserved")
CALLS = {"mmap load": 0, "pread": 1, "lseek+read": 2, "open+mmap+load": 4, "python: regtap": 0}
ON_RAM = {"RAM: mmap load": 0, "RAM: pread": 1}


def result(run: Run, name: str) -> Result:
    """Return what a benchmark found, after it ended as its validity says."""
    outcome = run.tried(name)
    found = Result.from_json((run.files / name / "result.json").read_text())
    assert outcome.status == (0 if found.valid else 1), outcome
    assert ("INVALID" in outcome.stdout) == (not found.valid)
    return found


def same_register(found: Result) -> Check | None:
    return next((check for check in found.checks if check.name == "same register"), None)


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_every_arm_is_measured_where_both_ways_lead(relaxed: Run, name: str) -> None:
    found = result(relaxed, name)
    assert found.is_device
    assert found.baseline == "pread"
    assert {row.arm for row in found.rows if row.kind != "control"} == {*CALLS, *ON_RAM}
    assert [row.refused for row in found.rows if row.refused] == []

    for row in found.rows:
        cost = row.cost("throughput")
        assert cost is not None
        assert cost.rounds >= found.processes == 5, row.arm


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_system_calls_are_counted_in_the_guest_too(relaxed: Run, name: str) -> None:
    found = result(relaxed, name)
    for arm, calls in (CALLS | ON_RAM).items():
        row = found.row(arm)
        assert row is not None
        assert row.system_calls is not None, row.uncounted
        assert round(row.system_calls) == calls, arm


def test_a_register_that_stands_still_is_the_same_by_both(relaxed: Run) -> None:
    check = same_register(result(relaxed, "bench-reserved"))

    assert check is not None
    assert check.passed
    assert "agree: always 0x1122334455667788" in check.text


def test_a_counter_is_not_accused(relaxed: Run) -> None:
    check = same_register(result(relaxed, "bench-hpet"))

    assert check is not None
    assert check.passed
    assert "it moves" in check.text


def test_low_ram_is_found_not_to_be_the_same(relaxed: Run) -> None:
    low = (relaxed.files / "low").read_text().strip()
    ((mapped, _),) = [
        pair for name, pair in both(relaxed.tried("pread-low")).items() if name == f"r_{low[2:]}"
    ]
    check = same_register(result(relaxed, "bench-low"))
    assert check is not None
    assert not check.passed
    assert f"always {mapped:#x} by mmap and always 0x0 by pread" in check.text

    outcome = relaxed.tried("bench-low")

    assert outcome.status == 1
    assert "INVALID, no figure of this run may be used" in outcome.stdout.splitlines()[0]
    assert check.text in outcome.stdout


def test_doctor_says_it_of_low_ram_beforehand(relaxed: Run) -> None:
    outcome = relaxed.tried("doctor-low")
    assert "System RAM" in outcome.stdout
    assert "below 1 MiB its mapping and read() disagree" in outcome.stdout


@pytest.mark.parametrize("form", ["stdout", "report.md", "report.html", "result.json"])
def test_the_guest_is_marked_as_emulated_wherever_it_is_shown(relaxed: Run, form: str) -> None:
    outcome = relaxed.tried("bench-hpet")
    text = outcome.stdout if form == "stdout" else (relaxed.files / "bench-hpet" / form).read_text()

    assert "this machine is emulated (QEMU TCG)" in text
    assert "it proves behaviour, never cost" in text


def test_the_headline_says_it_too(relaxed: Run) -> None:
    assert "The machine is emulated" in relaxed.tried("bench-hpet").stdout.splitlines()[0]


def test_what_tells_that_it_is_emulated_is_kept(relaxed: Run) -> None:
    found = result(relaxed, "bench-hpet")
    assert found.environment["hypervisor_signature"] == "TCGTCGTCGTCG"
    assert str(found.environment["board"]).startswith("QEMU ")


def test_an_arm_without_read_has_the_kernels_reason(refusals: Run) -> None:
    found = result(refusals, "bench-hpet")
    assert found.baseline == "mmap load"
    refused = {row.arm: row.refused for row in found.rows if row.refused}
    assert set(refused) == {"pread", "lseek+read"}

    for reason in refused.values():
        assert reason.startswith("counter at 0xfed000f0 is not RAM (Bad address)")
        assert "answers read and write below the end of RAM (high_memory) only" in reason
        assert f"not here: {reason}" in refusals.tried("bench-hpet").stdout

    assert same_register(found) is None


def test_the_other_ways_are_measured_all_the_same(refusals: Run) -> None:
    found = result(refusals, "bench-hpet")
    assert {row.arm for row in found.rows if row.kind != "control" and not row.refused} == {
        "mmap load", "open+mmap+load", "python: regtap", *ON_RAM,
    }  # fmt: skip


def test_the_raw_blocks_came_out_of_the_guest(relaxed: Run) -> None:
    table = pq.read_table(relaxed.files / "bench-hpet" / "raw.parquet")

    assert set(table["process"].unique().to_pylist()) == set(range(5))
    assert set(CALLS) <= set(table["arm"].unique().to_pylist())
    assert min(table["ticks"].to_pylist()) > 0
