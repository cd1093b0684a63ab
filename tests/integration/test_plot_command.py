"""`regtap plot` as a process: pictures of traces made of arrays, and every request that it refuses."""

from __future__ import annotations

import os
import struct
import subprocess
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.command import fork_regtap, run_regtap
from tests.synthetic import STATUS, TraceOptions, counter_trace, write_trace

from regtap.registers.model import Register
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark, Mode

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
GAPS = (
    Gap(300, 100, 299_000, 400_000, "full"),
    Gap(700, 2, 699_000, 702_000, "missed"),
    Gap(800, 0, 800_000, 801_000, "throttled"),
)


def plot(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return fork_regtap("plot", *arguments)


def texts(path: Path) -> list[str]:
    """Return the words of an SVG."""
    return ["".join(element.itertext()).strip() for element in ElementTree.parse(path).iter(f"{SVG}text")]


def size(path: Path) -> tuple[int, int]:
    """Return width and height of a PNG, from its header."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace of two registers, one with fields, with gaps and a mark."""
    index = np.arange(1000)
    return write_trace(
        tmp_path / "run",
        [Register("COUNT32", 0x10), STATUS],
        index * 1000,
        {"COUNT32": index, "STATUS": index % 16 << 8},
        TraceOptions(gaps=GAPS, marks=(Mark(500_000, "motor on"),), rows_per_part=300),
    )


def test_a_png_goes_next_to_the_trace(trace: Path) -> None:
    done = run_regtap("plot", trace)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{trace}.png: 1,000 rows of {trace}\n"
    assert size(trace.with_name("run.png"))[0] == 1200


def test_the_size_is_the_one_asked_for(trace: Path, tmp_path: Path) -> None:
    plot(trace, "-o", tmp_path / "out.png", "--width", "900", "--height", "700")
    assert size(tmp_path / "out.png") == (900, 700)


def test_an_svg_says_what_a_colleague_needs_to_believe_it(trace: Path, tmp_path: Path) -> None:
    assert plot(trace, "-o", tmp_path / "out.svg").returncode == 0
    words = texts(tmp_path / "out.svg")

    assert "run · sim · paced at 10 k/s" in words
    assert "1,000 rows in 999 µs (1 M/s) · 100 lost · 2 missed · waited 1 µs (0.1 % of the time)" in words
    assert {"COUNT32", "u32 at 0x10", "STATUS", "BUSY", "DONE", "ERROR", "LEVEL", "[11:8]"} <= set(words)
    assert {"time since start (µs)", "motor on", "start 2023-11-14T22:13:20.123456789Z"} <= set(words)
    assert "full: 100 samples in 1 gap, 101 µs" in words
    assert "missed: 2 slots in 1 gap, 3 µs" in words
    assert "throttled: 1 gap, 1 µs, nothing lost" in words


def test_nothing_lost_is_said(tmp_path: Path) -> None:
    plot(counter_trace(tmp_path / "run", mode=Mode(None, "wait")), "-o", tmp_path / "out.svg")
    assert "1,000 rows in 999 µs (1 M/s) · 0 lost" in texts(tmp_path / "out.svg")


def test_an_svg_has_a_title_and_a_description(trace: Path, tmp_path: Path) -> None:
    plot(trace, "-o", tmp_path / "out.svg")
    root = ElementTree.parse(tmp_path / "out.svg").getroot()

    assert (root.findtext(f"{SVG}title") or "").startswith("run · sim")
    assert "COUNT32 (u32 at 0x10) from 0x0 to 0x3e7" in (root.findtext(f"{SVG}desc") or "")


@pytest.mark.parametrize("name", ["out.png", "out.svg"])
def test_the_same_request_gives_the_same_bytes(trace: Path, tmp_path: Path, name: str) -> None:
    plot(trace, "-o", tmp_path / name)
    first = (tmp_path / name).read_bytes()
    plot(trace, "-o", tmp_path / name, "--force")

    assert (tmp_path / name).read_bytes() == first


def test_only_the_registers_asked_for_are_drawn(trace: Path, tmp_path: Path) -> None:
    plot(trace, "-o", tmp_path / "out.svg", "--register", "COUNT32")
    words = texts(tmp_path / "out.svg")

    assert "COUNT32" in words
    assert "STATUS" not in words


def test_only_the_time_asked_for_is_read(trace: Path, tmp_path: Path) -> None:
    done = plot(trace, "-o", tmp_path / "out.svg", "--from", "0s", "--to", "100us")
    assert done.stdout.endswith(f"100 rows of {trace}\n")
    assert any(words.startswith("whole trace: 1,000 rows") for words in texts(tmp_path / "out.svg"))


def test_a_constant_register_shows_its_value_in_hex(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "run", [Register("ID", 0)], range(5000), {"ID": [0x54474552] * 5000})
    plot(path, "-o", tmp_path / "out.svg")
    assert "0x54474552" in texts(tmp_path / "out.svg")


def test_a_lone_spike_among_many_rows_reaches_its_lanes_top(tmp_path: Path) -> None:
    values = np.full(200_000, 100)
    values[77_777] = 60_000
    path = write_trace(tmp_path / "run", [Register("R", 0)], np.arange(200_000) * 10, {"R": values})
    plot(path, "-o", tmp_path / "out.svg")

    assert "60 k" in texts(tmp_path / "out.svg")


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("name", ["out.png", "out.svg"])
def test_the_smallest_traces_are_drawn(tmp_path: Path, rows: int, name: str) -> None:
    done = plot(counter_trace(tmp_path / "run", rows=rows), "-o", tmp_path / name)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / name).stat().st_size > 1000


def test_a_trace_of_gaps_only_is_drawn(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", rows=0, gap_parts=(GAPS,), finished=False)
    plot(path, "-o", tmp_path / "out.svg")

    words = texts(tmp_path / "out.svg")

    assert "UNFINISHED (being recorded, or cut off) · 0 rows · 100 lost · 2 missed" in words
    assert "no samples" in words


def test_a_hostile_mark_is_drawn_as_text(tmp_path: Path) -> None:
    path = counter_trace(tmp_path / "run", marks=(Mark(5_000, "<b>$x^2$\x00\n&"),))
    plot(path, "-o", tmp_path / "out.svg")
    assert "<b>$x^2$� &" in texts(tmp_path / "out.svg")


# Requests that are refused: one line, exit code 2, nothing written or overwritten.


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a request was refused with."""
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_an_existing_picture_is_not_overwritten(trace: Path, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_text("mine")
    assert "out.png exists" in refused(plot(trace, "-o", tmp_path / "out.png"))
    assert (tmp_path / "out.png").read_text() == "mine"


def test_force_overwrites_it(trace: Path, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_text("mine")
    assert plot(trace, "-o", tmp_path / "out.png", "--force").returncode == 0
    assert size(tmp_path / "out.png")[0] == 1200


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_folder_is_not_overwritten(trace: Path, tmp_path: Path, force: tuple[str, ...]) -> None:
    (tmp_path / "out.png").mkdir()
    assert "out.png" in refused(plot(trace, "-o", tmp_path / "out.png", *force))


def test_a_folder_that_is_not_there_is_not_made(trace: Path, tmp_path: Path) -> None:
    assert "is no folder" in refused(plot(trace, "-o", tmp_path / "no" / "out.png"))
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "out.jpg"), "cannot tell the format"),
        (("--register", "NOPE"), "nothing called 'NOPE'; the registers are COUNT32, STATUS"),
        (("--from", "5"), "is not a time"),
        (("--from", "1h"), "nothing to show from 1 h 0 min; "),
        (("--to", "0ns"), " begins at 0 ns and ends at "),
        (("--from", "2us", "--to", "1us"), "nothing to show"),
        (("--width", "10"), "--width"),
        (("--height", "201"), "too small"),
    ],
)
def test_an_impossible_request_is_refused(trace: Path, arguments: tuple[str, ...], words: str) -> None:
    before = sorted(trace.parent.iterdir())
    assert words in refused(plot(trace, *arguments))
    assert sorted(trace.parent.iterdir()) == before


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    assert "is not a trace" in refused(plot(tmp_path))


def test_a_truncated_part_is_named_and_no_picture_is_left(trace: Path) -> None:
    part = trace / "part-00002.parquet"
    part.write_bytes(part.read_bytes()[:-30])

    assert "part-00002.parquet is truncated" in refused(plot(trace))
    assert [entry.name for entry in trace.parent.iterdir()] == ["run"]


@pytest.mark.parametrize(
    "surroundings",
    [
        {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
        {"MPLBACKEND": "no-such-backend"},
        {"MPLCONFIGDIR": "/proc/no-such-folder"},
    ],
    ids=lambda surroundings: next(iter(surroundings)),
)
def test_surroundings_of_a_screen_do_not_matter(trace: Path, surroundings: dict[str, str]) -> None:
    done = run_regtap("plot", trace, env={**os.environ, **surroundings})

    assert (done.returncode, done.stderr) == (0, "")
    assert size(trace.with_suffix(".png"))[0] == 1200


def test_characters_without_a_glyph_are_one_note(trace: Path) -> None:
    strange = "\U000e0fff\u0378"  # assigned to nothing, and in no font
    named = trace.rename(trace.with_name(f"run \U00012480{strange}"))

    done = plot(named)

    assert done.returncode == 0
    assert "\U00012480" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("regtap: note: no font here has ")


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_folder_whose_name_is_no_text_is_drawn(trace: Path, ending: str) -> None:
    odd = trace.rename(os.fsdecode(os.fsencode(trace.parent) + b"/bad\377"))
    picture = trace.with_name(f"picture.{ending}")

    done = plot(odd, "-o", picture)

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("/bad\\udcff\n")
    if ending == "svg":
        assert [text for text in texts(picture) if text.startswith("bad\N{REPLACEMENT CHARACTER} ")]
