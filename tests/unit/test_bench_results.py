"""A result: its JSON, its sentence, its figures in print, its folder, its margin."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from tests.simulated_bench import REGISTER, Machine, evaluation_of, result_of

from regtap.errors import InputError, StorageError
from regtap_bench.figures import margin as margins
from regtap_bench.figures.estimate import Estimate, ratio_of
from regtap_bench.figures.result import Caveat, Check, Result, Row
from regtap_bench.measuring.job import Job, Series, Subject
from regtap_bench.report import figures_text as say
from regtap_bench.report.render import markdown, sentence, text_lines
from regtap_bench.report.storage import check_folder, default_folder, store
from regtap_bench.results import open_result


@pytest.fixture(scope="module")
def result() -> Result:
    return result_of(evaluation_of(Machine().run(rounds=60)))


def test_json_and_back_is_the_same(result: Result) -> None:
    assert Result.from_json(result.to_json()) == result


def test_numbers_that_belong_together_share_a_line(result: Result) -> None:
    text = result.to_json()
    assert json.loads(text)["rows"] == json.loads(json.dumps(asdict(result)))["rows"]
    assert len(text.splitlines()) < 1000


def test_brackets_that_a_user_typed_stay_as_they_are(result: Result) -> None:
    odd = replace(result, command="regtap [ 1,   2 ]")
    assert Result.from_json(odd.to_json()).command == odd.command


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "[" * 100_000, '{"format": "other", "format_version": 1}']
)
def test_something_else_is_no_result(text: str) -> None:
    with pytest.raises(InputError, match="no result"):
        Result.from_json(text)


def test_another_version_is_refused_by_its_number(result: Result) -> None:
    given = {**json.loads(result.to_json()), "format_version": 99}
    with pytest.raises(InputError, match="version 99"):
        Result.from_json(json.dumps(given))


@pytest.mark.parametrize("missing", ["rows", "margin", "checks", "seed"])
def test_what_is_missing_is_named(result: Result, missing: str) -> None:
    given: dict[str, Any] = json.loads(result.to_json())
    del given[missing]
    with pytest.raises(InputError, match=f"damaged: {missing} is missing"):
        Result.from_json(json.dumps(given))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ('"low": "x"', r"rows\[0\]\.costs\.throughput\.ns\.low is str"),
        ('"low": 1e16', "low is not between"),
        ('"low": true', "low is bool"),
        ('"high": 1, "low": 1e999', "low is not finite"),
        ('"lower": 1', "lower is unknown|low is missing"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(result: Result, wrong: str, says: str) -> None:
    text = re.sub(r'"low": [^,]*', wrong, result.to_json(), count=1)
    with pytest.raises(InputError, match=says):
        Result.from_json(text)


def test_the_sentence_gives_a_bound_for_what_cannot_be_resolved(result: Result) -> None:
    said = sentence(result)

    assert said.startswith("A 32-bit read costs <= 0.1")
    assert "440 ns by pread on this RAM-backed target: at least 4," in said
    assert "on a bus of 500 ns the same software would give about 1.9 x" in said


def test_an_emulated_machine_is_no_hardware_wherever_it_is_shown(result: Result) -> None:
    emulated = replace(result, findings=(Caveat("emulated", "it is emulated"),))
    for text in (sentence(emulated), text_lines(emulated)[0], markdown(emulated)):
        assert "The machine is emulated: these are costs of no hardware." in text
    assert "emulated" not in sentence(result)


def test_a_device_gets_no_forecast(result: Result) -> None:
    said = sentence(replace(result, is_device=True))
    assert "on this device" in said
    assert "would give" not in said


def test_a_target_without_pread_says_why(result: Result) -> None:
    rows = [
        Row(row.arm, row.description, row.kind, refused="it has no such way") if row.arm == "pread" else row
        for row in result.rows
    ]
    assert "pread is not to be had here (it has no such way)" in sentence(replace(result, rows=tuple(rows)))


def test_a_failed_control_makes_a_run_invalid_in_every_form(result: Result) -> None:
    broken = replace(result, checks=(*result.checks, Check("timer", passed=False, text="it stands still")))
    assert not broken.valid
    assert json.loads(broken.to_json())["valid"] is False

    for text in (text_lines(broken)[0], markdown(broken)):
        assert "INVALID, no figure of this run may be used" in text
        assert "it stands still" in text


def test_refused_arms_are_shown_with_their_reason(result: Result) -> None:
    refused = Row("preadv2", "one preadv2", "native", refused="Operation not supported")
    shown = "\n".join(text_lines(replace(result, rows=(*result.rows, refused))))
    assert "not here: Operation not supported" in shown


def test_tables_have_a_row_for_each_arm(result: Result) -> None:
    text = markdown(result)
    for row in result.rows:
        assert f"| {row.arm} |" in text


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [(0.0912, "0.092", "0.091"), (7.01, "7.1", "7.0"), (4857.0, "4,900", "4,800"), (0.0, "0", "0")],
)
def test_bounds_are_never_rounded_inwards(value: float, up: str, down: str) -> None:
    assert (say.digits_up(value), say.digits_down(value)) == (up, down)


def test_a_ratio_to_a_cost_that_may_be_0_is_told_without_a_bound() -> None:
    ratio = Estimate(-3.0, -1415.0, -2.0).mapped(ratio_of)  # logarithms, of the smallest cost there is
    row = Row("read", "", "native", ratio=ratio)

    assert 0 < ratio.low < ratio.value < ratio.high
    assert say.ratio_text(row) == "0.050 [0.000, 0.135]"
    assert (
        say.ratio_text(replace(row, ratio=Estimate(-3.0, -800.0, -2.9).mapped(ratio_of)))
        == "1/20.1 [1/∞, 1/18.2]"
    )
    assert say.digits_up(Estimate(0.0, 0.0, 900.0).mapped(ratio_of).high) == "∞"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(444.13, 442.4, 445.02), "444.1 [442.4, 445.0]"),
        (Estimate(10509, 9966, 11000), "10,509 [9,966, 11,000]"),
        (Estimate(-1.04, -1.12, -0.93), "-1.04 [-1.12, -0.93]"),
    ],
)
def test_figures_have_the_places_that_their_interval_resolves(estimate: Estimate, text: str) -> None:
    assert say.interval_text(estimate) == text


def test_a_job_survives_its_journey() -> None:
    job = Job(
        Subject("sim", REGISTER, None, quick=True, cpu=1, only=("mmap load", "pread")),
        (Series("pread", "latency", (16, 32, 48)),),
        "pread",
        7,
        "1/0",
        2.5,
    )
    assert Job.from_json(job.to_json()) == job


def test_a_result_that_is_a_pipe_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")

    with pytest.raises(InputError, match="no result of `regtap bench`"):
        open_result(str(tmp_path))


def test_folders_are_named_after_time_and_host() -> None:
    assert default_folder("2026-01-02T03:04:05+00:00", "a host/x") == "results/20260102T030405Z-a_host_x"


def test_a_folder_that_exists_is_refused_before_measuring(tmp_path: Path) -> None:
    check_folder(str(tmp_path / "new" / "deep"))
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (tmp_path, tmp_path / "link"):
        with pytest.raises(InputError, match="exists already"):
            check_folder(str(taken))
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match="file is no folder"):
        check_folder(str(tmp_path / "file" / "new"))


def test_results_are_not_written_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who may write in the new folder is quicker."""
    victim, folder = tmp_path / "victim", tmp_path / "run"
    victim.write_text("precious")

    def make(path: str) -> None:
        folder.mkdir()
        (folder / "report.md").symlink_to(victim)

    monkeypatch.setattr(os, "makedirs", make)
    with pytest.raises(StorageError, match="File exists"):
        store({"report.md": b"a report"}, str(folder))
    assert victim.read_text() == "precious"


def test_results_heed_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        store({"report.md": b"a report"}, str(tmp_path / "run"))
    finally:
        os.umask(before)

    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "run/report.md").stat().st_mode & 0o777 == 0o640


def test_a_margin_is_kept_for_the_machine_that_it_was_found_on(tmp_path: Path) -> None:
    path = str(tmp_path / "deep" / "margin.json")
    here, elsewhere = {"kernel": "6.1"}, {"kernel": "6.2"}
    assert margins.cached(here, path).value == margins.DEFAULT

    margins.keep(0.003, here, "2026-01-02T03:04:05+00:00", path)

    assert margins.cached(here, path).value == 0.003
    assert margins.cached(elsewhere, path).value == margins.DEFAULT


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"environment": {}, "margin": null}'])
def test_a_damaged_margin_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "margin.json"
    path.write_text(text)
    assert margins.cached({}, str(path)).value == margins.DEFAULT


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "-0.01", "11", "true", '"0.003"'])
def test_a_margin_that_no_run_finds_is_none(tmp_path: Path, value: str) -> None:
    path = tmp_path / "margin.json"
    margins.keep(0.003, {"kernel": "6.1"}, "2026-01-02T03:04:05+00:00", str(path))
    path.write_text(path.read_text().replace("0.003", value))

    assert margins.cached({"kernel": "6.1"}, str(path)).value == margins.DEFAULT
