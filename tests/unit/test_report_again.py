"""The command in a report that records the same again: the recorder reads the trace's own settings from it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.synthetic import CLOCK, START, TraceOptions, write_trace

from regtap.commands.record import record
from regtap.recording.description import Description
from regtap.recording.template import make_template
from regtap.registers.model import PAIR, Register
from regtap.simulator.registers import REGISTERS
from regtap.trace.metadata import Mode, PartMetadata, TriggerMode
from regtap.trace.reader import Trace, open_trace
from regtap_analysis.plot.caption import description
from regtap_analysis.reports.again import again, again_lines
from regtap_analysis.reports.api import report
from regtap_analysis.signals.model import whole_view

TOTAL = Register("TOTAL", 0x10, PAIR, high=0x14)
STATUS = REGISTERS["STATUS"]


class _AskedError(Exception):
    pass


@dataclass
class _Recorder:
    """Stands for the class of captures: what it is asked for is kept, and nothing recorded."""

    asked: list[Description] = field(default_factory=list)

    def __call__(self, *arguments: Any) -> Any:
        self.asked.append(Description(*arguments))
        raise _AskedError


def trace_of(path: Path, mode: Mode, *registers: Register, target: str = "sim") -> Trace:
    columns = {register.name: [0, 1] for register in registers}
    return open_trace(
        write_trace(path, registers, [0, 1000], columns, TraceOptions(target=target, mode=mode))
    )


def read_by_recorder(command: str, monkeypatch: pytest.MonkeyPatch) -> PartMetadata:
    """Return the metadata that a capture by a command would begin with."""
    recorder = _Recorder()
    monkeypatch.setattr("regtap.recording.capture.Capture", recorder)
    regtap, name, *words = shlex.split(command)
    assert (regtap, name) == ("regtap", "record")
    with pytest.raises(_AskedError):
        record.main(words, standalone_mode=False)
    (asked,) = recorder.asked
    timebase: Any = SimpleNamespace(info=lambda: CLOCK, start=START)
    return make_template(asked, timebase)


@pytest.mark.parametrize(
    "mode",
    [
        Mode(None, "wait"),
        Mode("1000/3", "discard"),
        Mode("1/1000000", "stop"),
        Mode("999999999/1000000000", "stop"),
        Mode("12345678901/1000", "stop"),
        Mode("10000", "overwrite", keep_ns=5),
        Mode("10000", "discard", keep_parts=7),
        Mode("10000", "discard", keep_bytes=100_000_001, keep_parts=3),
        Mode("10000", "discard", on_change=("*",)),
        Mode("10000", "discard", on_change=("TOTAL", "STATUS.BUSY"), heartbeat_ns=1_500_000_001),
        Mode("10000", "discard", trigger=TriggerMode("STATUS.BUSY rises", 10, 0, 30)),
    ],
    ids=lambda mode: f"{mode.rate_hz} {mode.on_full}",
)
def test_the_recorder_reads_the_same_settings(
    mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = trace_of(tmp_path / "run", mode, TOTAL, STATUS, Register("ADC", 0x40, "u16be"))

    found = read_by_recorder(again(trace), monkeypatch)

    assert (found.target, found.mode) == ("sim", mode)
    places = [(it.name, it.place, it.type) for it in found.registers]
    assert places == [(it.name, it.place, it.type) for it in trace.registers]


def test_latency_is_recorded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = trace_of(tmp_path / "run", Mode(None, "wait"), STATUS)
    monkeypatch.setattr(Trace, "mode", replace(trace.mode, latency=True))

    assert read_by_recorder(again(trace), monkeypatch).mode == trace.mode


def test_an_effect_of_a_read_is_allowed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cleared = replace(STATUS, read_effect="clears the flags")
    trace = trace_of(tmp_path / "run", Mode("1", "discard", on_change=("STATUS.BUSY",)), cleared)

    assert "--allow-side-effects" in again(trace)
    assert read_by_recorder(again(trace), monkeypatch).registers[0].name == "STATUS"


def test_fields_that_it_needs_are_named_and_said(tmp_path: Path) -> None:
    plain = trace_of(tmp_path / "plain", Mode("1", "discard", on_change=("STATUS",)), STATUS)
    asked = trace_of(tmp_path / "asked", Mode("1", "discard", on_change=("STATUS.BUSY",)), STATUS)

    assert again(plain).endswith(f" STATUS={STATUS.place}:{STATUS.type}")
    assert again_lines(plain) == ()
    assert again(asked).endswith(" STATUS")
    assert again_lines(asked) == ("the fields of STATUS are the target's, or those of a --map: add that",)


def test_both_addresses_of_a_pair_are_shown(tmp_path: Path) -> None:
    trace = trace_of(tmp_path / "run", Mode(None, "wait"), TOTAL)

    made = report(trace)

    assert f"| TOTAL | {PAIR} at {TOTAL.place} |" in made.markdown()
    assert made.html().count(f"{PAIR} at {TOTAL.place}") == 2  # in the picture and in the table
    assert f"TOTAL ({PAIR} at {TOTAL.place}) from 0x0 to 0x1" in description(trace, whole_view(trace))
