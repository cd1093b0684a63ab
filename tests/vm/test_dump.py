"""A process that dies with a device mapped: its core dump does not read the device."""

from __future__ import annotations

import signal

import pytest
from tests.mappings import flags_of
from tests.vm import buslog
from tests.vm.guest import Run

DUMPS = ("dump-mem", "dump-file", "dump-plain")
ABORTED = 128 + signal.SIGABRT
MARKER = 0x80  # of edu, where `mark` writes


@pytest.mark.parametrize("name", DUMPS)
def test_each_of_them_aborted_with_its_mapping(relaxed: Run, name: str) -> None:
    outcome = relaxed.tried(name)
    assert outcome.status == ABORTED, outcome.stderr

    path = "/dev/mem" if name == "dump-mem" else "/vm/device"

    assert len(flags_of(path, outcome.stdout)) == 1


def test_a_window_of_dev_mem_is_io_memory_that_is_not_dumped(relaxed: Run) -> None:
    (flags,) = flags_of("/dev/mem", relaxed.tried("dump-mem").stdout)
    assert {"io", "pf", "dd"} <= flags
    assert "wr" not in flags


def test_the_dump_reads_nothing_of_the_device(relaxed: Run) -> None:
    bar0 = int((relaxed.files / "edu-bar0").read_text(), 16)
    accesses = [access for access in buslog.parse(relaxed.bus_log) if bar0 <= access.address < bar0 + 4096]
    assert buslog.between(accesses, bar0 + MARKER, 1, 2) == []


@pytest.mark.parametrize("name", DUMPS)
def test_a_core_was_dumped(relaxed: Run, name: str) -> None:
    assert (relaxed.files / f"{name}.magic").read_text() == "\x7fELF"


def test_a_window_of_a_file_is_left_out_too(relaxed: Run) -> None:
    (flags,) = flags_of("/vm/device", relaxed.tried("dump-file").stdout)
    assert "dd" in flags
    assert (relaxed.files / "dump-file.found").read_text() == "0\n"


def test_a_plain_mapping_of_the_same_file_is_in_it(relaxed: Run) -> None:
    """What the test above would find."""
    assert (relaxed.files / "dump-plain.found").read_text() != "0\n"
