"""The simulated device's description: its register map, its spellings, its hash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sim_counts import count_of

from regtap.errors import AddressError, InputError, RefusedError
from regtap.registers.model import Register
from regtap.simulator import process
from regtap.simulator.process import SIMULATED_PAGE_BYTES, check_of
from regtap.simulator.registers import REGISTERS
from regtap.targets.sim import SharedSimTarget, SimTarget


def _bytes_of(register: Register) -> set[int]:
    return set(range(register.address, register.address + register.width_bytes))


def test_the_map_names_the_documented_registers_by_address() -> None:
    assert list(REGISTERS) == [
        "ID",
        "COUNT32",
        "CHECK",
        "COUNT64",
        "COUNT64_LO",
        "COUNT64_HI",
        "CHECKED",
        "STATUS",
        "ADC",
        "GPIO",
        "SCRATCH",
    ]


def test_only_the_halves_of_count64_share_bytes() -> None:
    names = [name for name in REGISTERS if name != "COUNT64"]
    taken = [byte for name in names for byte in _bytes_of(REGISTERS[name])]
    assert len(taken) == len(set(taken))

    halves = _bytes_of(REGISTERS["COUNT64_LO"]) | _bytes_of(REGISTERS["COUNT64_HI"])

    assert halves == _bytes_of(REGISTERS["COUNT64"])


def test_each_register_lies_in_the_page_and_says_what_it_is() -> None:
    assert all(max(_bytes_of(register)) < SIMULATED_PAGE_BYTES for register in REGISTERS.values())
    assert all(register.description for register in REGISTERS.values())


def test_the_fields_of_status_do_not_overlap() -> None:
    fields = REGISTERS["STATUS"].fields
    assert [field.name for field in fields] == ["BUSY", "DONE", "ERROR", "LEVEL"]

    bits = [bit for field in fields for bit in range(field.lsb, field.lsb + field.bits)]
    assert len(bits) == len(set(bits))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 0), (1, 0x514E28B7), (2, 0x30F4C306), (0xFFFFFFFF, 0x81F16F39)],
)
def test_the_hash_is_the_finaliser_of_murmurhash3(count: int, expected: int) -> None:
    assert check_of(count) == expected


@given(st.integers(0, 2**32 - 1))
def test_a_hash_names_its_count(count: int) -> None:
    assert 0 <= check_of(count) < 2**32
    assert count_of(check_of(count)) == count


def test_sim_alone_is_private_and_sim_with_a_path_is_shared() -> None:
    assert SimTarget.from_spec("sim") == SimTarget("sim")
    assert SimTarget.from_spec("sim:/dev/shm/a:b") == SharedSimTarget("sim:/dev/shm/a:b", "/dev/shm/a:b")


@pytest.mark.parametrize("spec", ["sim:", "sim:a\0b"])
def test_a_spelling_without_a_usable_path_is_an_input_error(spec: str) -> None:
    with pytest.raises(InputError, match="names no file"):
        SimTarget.from_spec(spec)


@pytest.mark.parametrize("spec", ["sim", "sim:/nowhere"])
def test_it_knows_its_names_and_does_not_pass_for_a_device(spec: str) -> None:
    target = SimTarget.from_spec(spec)
    assert target.resolve(["COUNT32", "x=0x10:u64"]) == (REGISTERS["COUNT32"], Register("x", 0x10, "u64"))
    assert not target.is_device


@pytest.mark.parametrize("address", [0x1000, 2**64 - 4])
def test_an_address_outside_the_page_is_an_error_at_once(
    address: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "start", lambda: pytest.fail("a device was started"))
    with pytest.raises(AddressError, match="0x1000 bytes"):
        SimTarget("sim").open([Register("outside", address, "u32")])


def test_opening_nothing_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "start", lambda: pytest.fail("a device was started"))
    with pytest.raises(InputError, match="at least one"):
        SimTarget("sim").open([])


@pytest.mark.parametrize("interpreter", ["/nowhere/python", "/bin/false"])
def test_a_process_that_fails_to_start_is_refused_with_a_remedy(
    interpreter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", interpreter)
    with pytest.raises(RefusedError, match="process") as refusal:
        process.start()

    assert refusal.value.remedy
    assert "\n" not in str(refusal.value)
