"""The verdicts and the table of `regtap selftest --bus-shape`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.registers.model import TYPES
from regtap.selftest.bus_shape import Access, Observation
from regtap.selftest.cases import MIXED, SAMPLES, Case, counter_examples, product_cases
from regtap.selftest.report import Table, summarise

READ = Access(0x40, 4, write=False)
WRITE = Access(0x40, 4, write=True)
WIDE = Access(0x40, 8, write=False)


def _case(*declared: Access, harmful: bool = False) -> Case:
    return Case("case", ("true",), declared, harmful)


def _seen(*accesses: Access, exit_status: int = 0, ended: str = "exited", output: str = "") -> Observation:
    return Observation(accesses, exit_status, ended, output)


def test_a_command_that_does_as_declared_is_ok() -> None:
    assert _case(READ, WRITE).verdict(_seen(READ, WRITE)) == "ok"


@pytest.mark.parametrize("accesses", [(), (READ, READ), (WIDE,), (WRITE,), (READ, WRITE)])
def test_a_command_that_does_anything_else_fails(accesses: tuple[Access, ...]) -> None:
    assert _case(READ).verdict(_seen(*accesses)) == "FAIL"
    assert not _case(READ).passed(_seen(*accesses))


def test_the_order_counts() -> None:
    assert _case(WRITE, READ).verdict(_seen(READ, WRITE)) == "FAIL"


@pytest.mark.parametrize(("exit_status", "ended"), [(1, "exited"), (-9, "deadline"), (-9, "limit")])
def test_a_command_that_ends_badly_fails_whatever_it_did(exit_status: int, ended: str) -> None:
    assert _case(READ).verdict(_seen(READ, exit_status=exit_status, ended=ended)) == "FAIL"


def test_a_counter_example_is_caught_when_it_does_something_else() -> None:
    assert _case(READ, harmful=True).verdict(_seen(READ, READ)) == "caught"


@pytest.mark.parametrize("seen", [_seen(READ), _seen(), _seen(READ, READ, exit_status=1)])
def test_a_counter_example_that_looks_harmless_is_missed(seen: Observation) -> None:
    case = _case(READ, harmful=True)

    assert case.verdict(seen) == "MISSED"
    assert not case.passed(seen)


def test_every_type_is_read_and_written_and_recorded() -> None:
    names = {case.name for case in product_cases("probe", "folder")}

    assert {f"{command} {kind}" for command in ("read", "write") for kind in TYPES} <= names
    assert {f"record {kind} --rate max" for kind in (*TYPES, "mixed")} <= names
    assert {f"record mixed --rate {rate}" for rate in ("10k", "100")} <= names
    assert {register.type for register in MIXED} == set(TYPES)


def test_a_record_declares_each_samples_registers_in_order() -> None:
    cases = {case.name: case for case in product_cases("probe", "folder")}

    one_sample = tuple(Access(register.address, register.width_bytes, write=False) for register in MIXED)
    assert cases["record mixed --rate max"].declared == one_sample * SAMPLES


def test_no_two_cases_share_a_name_or_an_output() -> None:
    cases = [*product_cases("probe", "folder"), *counter_examples("probe")]

    outputs = [case.argv[case.argv.index("-o") + 1] for case in cases if "-o" in case.argv]
    assert len({case.name for case in cases}) == len(cases)
    assert len(set(outputs)) == len(outputs)


def test_counter_examples_are_judged_as_such() -> None:
    assert all(case.harmful for case in counter_examples("probe"))


def test_repetitions_are_folded() -> None:
    assert summarise([READ]) == "r32@0x40"
    assert summarise([READ, READ]) == "2 x r32@0x40"
    assert summarise([READ, WIDE] * 200) == "200 x (r32@0x40 r64@0x40)"
    assert summarise([READ, WIDE, READ]) == "r32@0x40 r64@0x40 r32@0x40"
    assert summarise([]) == "nothing"


def test_a_long_sequence_is_cut_and_counted() -> None:
    text = summarise([Access(offset, 1, write=False) for offset in range(100)])

    assert text.endswith("r8@0x7 ... (100 accesses)")


@given(st.lists(st.sampled_from([READ, WRITE, WIDE]), min_size=1, max_size=8), st.integers(2, 50))
def test_folding_a_repeated_sequence_multiplies_its_count(unit: list[Access], factor: int) -> None:
    count, text = _unfolded(summarise(unit))

    assert _unfolded(summarise(unit * factor)) == (count * factor, text)


def _unfolded(summary: str) -> tuple[int, str]:
    count, times, text = summary.rpartition(" x ")
    return (int(count) if times else 1), text.strip("()")


def test_a_row_shows_what_was_seen_instead() -> None:
    case = _case(READ)
    table = Table.fitting([case])

    assert table.row(case, _seen(READ)).split() == ["case", "ok", "r32@0x40", "as", "declared"]
    assert table.row(case, _seen(READ, READ)).split() == ["case", "FAIL", "r32@0x40", "2", "x", "r32@0x40"]


def test_a_row_of_a_command_that_failed_ends_with_its_last_words() -> None:
    case = _case(READ)

    row = Table.fitting([case]).row(case, _seen(exit_status=2, output="note\nregtap: error: no\n"))

    assert row.splitlines()[-1].strip() == "exit status 2: regtap: error: no"


def test_a_row_of_a_command_that_was_killed_says_why() -> None:
    case = _case(READ)

    row = Table.fitting([case]).row(case, _seen(exit_status=-9, ended="deadline"))

    assert row.splitlines()[-1].strip() == "killed: deadline"
