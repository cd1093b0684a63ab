"""The report of a trace: what it says, in a page that runs nothing and Markdown that links nowhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic import STATUS, TraceOptions, write_trace

import regtap_analysis
from regtap.errors import InputError
from regtap.registers.model import Field, Register, Value
from regtap.trace.gaps import CAUSES, Gap
from regtap.trace.metadata import Mark, Mode, TriggerMode
from regtap.trace.reader import open_trace
from regtap.trace.totals import Totals
from regtap.trace.wording import cause_text, mode_text
from regtap_analysis.plot.caption import title
from regtap_analysis.reports.again import again
from regtap_analysis.reports.api import Report, report
from regtap_analysis.reports.files import report_paths, write_report
from regtap_analysis.reports.lanes import lane_picture

ROWS, STEP_NS = 20_000, 1_000
NASTY = "</script><script>document.title='owned'</script>\x1b[31m\u202e[a](http://b.example)"
MODE = Register(
    "MODE",
    0x30,
    "u32",
    (Field("STATE", 4, 2, values=(Value("IDLE", 0), Value(NASTY, 1))),),
    description=NASTY,
)
ADC = Register("ADC", 0x40, "u16")


def make_trace(path: Path, **options: object) -> Path:
    rows = np.arange(ROWS)
    columns = {
        "COUNT": rows,
        "STATUS": rows // 500 % 16,
        "MODE": rows // 5000 % 2 << 4,
        "ADC": 2000 + (1000 * np.sin(rows / 300)).astype(int),
    }
    registers = [Register("COUNT", 0, "u64"), STATUS, MODE, ADC]
    return write_trace(path, registers, rows * STEP_NS, columns, TraceOptions(**options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    gap = Gap(9_000, 500, 8_999 * STEP_NS, 9_000 * STEP_NS, "full")
    marks = (Mark(5_000 * STEP_NS, NASTY), Mark(15_000 * STEP_NS, "second"))
    host = {"hostname": NASTY, "kernel": NASTY, "cpus": 2}
    path = make_trace(
        tmp_path_factory.mktemp("report") / "run", target=NASTY, gaps=(gap,), marks=marks, host=host
    )
    return report(path)


class _Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", []  # type: ignore[var-annotated]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_and_runs_nothing(made: Report) -> None:
    page = made.html()

    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert not re.findall(r"url\((?!#)|@import|<script|<link|\son\w+=", page)
    assert "default-src 'none'" in page


def test_texts_of_a_trace_are_shown_and_obeyed_by_nobody(made: Report) -> None:
    page = made.html()

    assert not {"script", "a"} & {tag for tag, _ in _Page(page).tags}
    assert not re.findall("[\x00-\x09\x0b-\x1f\u202e]", page + made.markdown())
    assert "document.title='owned'" in _Page(page).text
    prose = [line for line in made.markdown().splitlines() if not line.startswith("    ")]
    assert not re.findall(r"<script|\]\(", "\n".join(prose))


def test_the_sentence_comes_first_and_says_what_was_lost(made: Report) -> None:
    text = _Page(made.html()).text

    assert made.sentence.startswith(
        "500 samples of 20,500 were lost (2.4 %). 20,000 rows of 4 registers in 20 ms"
    )
    assert text.index(made.sentence) < text.index("What was lost")
    assert 'class="verdict invalid"' in made.html()


def test_every_section_is_there_in_its_order(made: Report) -> None:
    headings = re.findall("<h2>(.*?)</h2>", made.html())

    assert headings == [
        "What was lost",
        "The picture",
        "Registers",
        "Time in each state",
        "Time between changes",
        "Time from row to row",
        "Each gap, longest first",
        "Marks",
        "Machine and clock",
        "The same again",
    ]
    assert [line[3:] for line in made.markdown().splitlines() if line.startswith("## ")] == [
        heading for heading in headings if heading != "The picture"
    ]


def test_registers_have_their_values_and_what_they_do(made: Report) -> None:
    rows = [line for line in made.markdown().splitlines() if line.startswith(("| COUNT |", "| ADC |"))]

    assert "| COUNT | u64 at 0x0 | 0 | 19,999 | 0 | 19,999 | 19,999 | counts up, 1 M/s |" in rows
    assert any("| 1,001 | 2,999 | 2,000 |" in row for row in rows)


def test_only_intervals_that_vary_get_a_picture(made: Report) -> None:
    titles = re.findall("<h4>(.*?)</h4>", made.html())

    assert titles == ["ADC, rows by value"]


def test_pictures_have_words_for_whoever_does_not_see_them(made: Report) -> None:
    page = _Page(made.html())

    pictures = [attributes for tag, attributes in page.tags if attributes.get("role") == "img"]
    assert all(attributes["aria-label"] for attributes in pictures)
    assert any(attributes["aria-label"] == "ADC: from 1,001 to 2,999" for attributes in pictures)
    assert "COUNT: from 0 to 19,999" in {attributes["aria-label"] for attributes in pictures}


def test_names_of_what_is_referred_to_exist_once(made: Report) -> None:
    page = made.html()

    names = re.findall(r' id="([^"]*)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(names)


@pytest.mark.parametrize(
    ("options", "says", "is_bad"),
    [
        ({}, "Nothing was lost. ", False),
        (
            {"gaps": (Gap(5, 3, 4000, 5000, "missed"),)},
            "Nothing was lost, 3 slots of 20,003 were missed",
            False,
        ),
        ({"gaps": (Gap(5, 1, 4000, 5000, "full"),)}, "1 sample of 20,001 was lost (under 0.01 %).", True),
        ({"gaps": (Gap(5, 2, 4000, 5000, "fault"),), "finished": False}, "cut off: nothing was lost.", True),
        (
            {
                "totals": Totals("stopped", None, ROWS + 5, ROWS, 0, 0, unchanged=5),
                "mode": Mode(None, "wait"),
            },
            "Nothing was lost, 5 samples counted only, like the row before. ",
            False,
        ),
        (
            {"totals": Totals("stopped", None, ROWS + 9, ROWS, 2, 0, rotated=7), "mode": Mode(None, "wait")},
            "2 samples of 20,009 were lost (under 0.01 %), 7 older samples and slots were given up as asked. ",
            True,
        ),
        ({"finished": False}, "UNFINISHED, being recorded or cut off: nothing was lost.", True),
        (
            {"totals": Totals("stopped", ROWS + 1, ROWS, ROWS, 0, 0)},
            "DOES NOT ADD UP: the balance does not",
            True,
        ),
        ({"mode": Mode(None, "wait")}, "as fast as they can be read", False),
        (
            {"gaps": (Gap(0, 9, -9000, 0, "overwritten"),), "mode": Mode(None, "overwrite")},
            "Nothing was lost, 9 older samples were overwritten, as asked.",
            False,
        ),
        (
            {
                "gaps": (Gap(0, 9, -9000, 0, "overwritten"),),
                "mode": Mode(None, "wait", trigger=TriggerMode("BUSY rises", 10, 10)),
                "marks": (Mark(0, "trigger: BUSY rises"), Mark(1, "trigger"), Mark(9, "trigger: BUSY rises")),
            },
            "Nothing was lost, 9 samples away from the trigger's 2 hits were not kept, as asked.",
            False,
        ),
    ],
)
def test_the_sentence_tells_what_is_missing(
    tmp_path: Path, options: dict[str, object], says: str, is_bad: bool
) -> None:
    if options.get("gaps") and options["gaps"][0].cause == "overwritten":  # type: ignore[index]
        options = {**options, "totals": Totals("stopped", None, ROWS + 9, ROWS, 9, 0, overwritten=9)}

    found = report(make_trace(tmp_path / "run", **options))

    assert says in found.sentence
    assert found.content.is_bad is is_bad


def test_a_trace_without_rows_has_a_report(tmp_path: Path) -> None:
    write_trace(tmp_path / "run", [ADC], [], {"ADC": []})

    found = report(tmp_path / "run")

    assert "The trace has 0 rows." in found.sentence
    assert "no samples" in found.html()


def test_the_sample_of_a_trace_of_one_row_is_a_dot(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "run", [ADC], [7], {"ADC": [3]})

    (lane,) = lane_picture(open_trace(path)).lanes

    assert lane.line == ""
    left = float(lane.dots.removeprefix("M").split()[0])
    assert 0 < left < 1000


def test_a_sample_between_gaps_is_a_dot(tmp_path: Path) -> None:
    gaps = (Gap(1, 1, 0, 1000, "full"), Gap(3, 1, 1000, 2000, "full"))
    path = write_trace(
        tmp_path / "run", [ADC], [0, 1000, 2000, 2100], {"ADC": [1, 2, 3, 4]}, TraceOptions(gaps=gaps)
    )

    (lane,) = lane_picture(open_trace(path)).lanes

    assert (lane.dots.count("M"), lane.line.count("M")) == (2, 1)


def test_states_without_room_for_their_names_have_a_key(tmp_path: Path) -> None:
    values = tuple(Value(f"NAME_{number}", number) for number in range(16))
    register = Register(
        "CR", 0, fields=(Field("FEW", 0, 1, values=values[:2]), Field("MANY", 4, 4, values=values))
    )
    rows = np.arange(600)
    narrow = {"CR": rows % 2 | rows % 16 << 4}
    wide = {"CR": rows // 300 | rows // 300 << 4}
    paths = [
        write_trace(tmp_path / name, [register], rows, values)
        for name, values in (("a", narrow), ("b", wide))
    ]

    (_, few, many), (_, *named) = (lane_picture(open_trace(path)).lanes for path in paths)

    assert few.key == ((0, "NAME_0"), (1, "NAME_1"))
    assert many.key[-2:] == ((3, "NAME_11"), (-1, "and 4 more"))
    assert [lane.key for lane in named] == [(), ()]
    assert report(paths[0]).html().count('<div class="key"') == 2


def test_chosen_registers_and_intervals_are_shown(tmp_path: Path) -> None:
    path = make_trace(tmp_path / "run")

    found = report(path, ["STATUS"], ["STATUS.BUSY"]).markdown()

    assert "| STATUS.BUSY | 38 |" in found
    assert "ADC" not in found.split("## The same again")[0]
    assert report(path, ["STATUS"], ["BUSY"]).markdown() == found
    with pytest.raises(InputError, match=r"nothing called 'STATUS[.]WHAT'; the nearest are STATUS"):
        report(path, intervals=["STATUS.WHAT"])
    with pytest.raises(InputError, match=r"STATUS.BUSY is of STATUS, which the report leaves out; choose"):
        report(path, ["ADC"], ["STATUS.BUSY"])
    with pytest.raises(InputError, match="nothing called 'NONE'"):
        report(path, ["NONE"])


def test_the_command_records_the_same_again(tmp_path: Path) -> None:
    trace = open_trace(
        make_trace(tmp_path / "run", target="file:a b", mode=Mode("1/3", "overwrite", keep_ns=5))
    )

    assert again(trace) == (
        "regtap record -t 'file:a b' -o NEW --rate 0.33333333333333333333 --on-full overwrite --keep-last 5ns "
        "COUNT=0x0:u64 STATUS=0x20:u32 MODE=0x30:u32 ADC=0x40:u16"
    )


@pytest.mark.parametrize(("rate", "pace"), [("10000", "10 k/s"), ("1000/3", "1000/3 a second")])
def test_a_rate_has_the_same_words_everywhere(rate: str, pace: str, tmp_path: Path) -> None:
    trace = open_trace(make_trace(tmp_path / "run", mode=Mode(rate, "discard")))

    assert title(trace).endswith(f" · paced at {pace}")
    assert mode_text(trace).startswith(f"paced at {pace};")
    assert report(trace).sentence.split(". ")[1].endswith(f", paced at {pace}")


def test_the_package_offers_it() -> None:
    assert regtap_analysis.report is report
    assert {"query", "report", "stats", "traces"} == set(regtap_analysis.__all__)


def test_files_go_beside_the_trace_or_where_they_are_wanted(tmp_path: Path) -> None:
    trace = open_trace(make_trace(tmp_path / "run"))

    def names(output: Path | None) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in report_paths(trace, output)]

    assert names(None) == ["run.html", "run.md"]
    assert names(tmp_path / "a.md") == ["a.md"]
    assert names(tmp_path / "a.htm") == ["a.htm"]
    assert names(tmp_path / "new") == ["new/report.html", "new/report.md"]


def test_only_a_report_of_the_same_trace_is_replaced(tmp_path: Path) -> None:
    path = make_trace(tmp_path / "run")
    trace = open_trace(path)
    write_report(report(path), report_paths(trace, None))

    write_report(report(path), report_paths(trace, None))

    (tmp_path / "run.md").write_text("my own notes\n")
    with pytest.raises(InputError, match=r"run\.md is no report of this trace and stays"):
        report_paths(trace, None)
    with pytest.raises(InputError, match="a trace holds only parts"):
        report_paths(trace, path)
    with pytest.raises(InputError, match="is no folder; make it first"):
        report_paths(trace, tmp_path / "none" / "a.html")
    with pytest.raises(InputError, match="is no folder; make it first"):
        report_paths(trace, tmp_path / "none" / "deep")


def test_a_page_may_end_in_htm(tmp_path: Path) -> None:
    path = make_trace(tmp_path / "run")
    made = report(path)

    write_report(made, report_paths(open_trace(path), tmp_path / "a.HTM"))

    assert (tmp_path / "a.HTM").read_text() == made.html()


def test_each_cause_of_a_gap_is_explained(tmp_path: Path) -> None:
    gaps = tuple(Gap(0, 1, 10 * at, 10 * at + 5, cause) for at, cause in enumerate(CAUSES))
    found = report(make_trace(tmp_path / "run", gaps=gaps, finished=False))

    lines = found.content.sections[0].lines

    assert [line for line in lines if ": " in line][-len(CAUSES) :] == [
        f"{cause}: {cause_text(cause)}" for cause in CAUSES
    ]
    assert all(map(cause_text, CAUSES))
