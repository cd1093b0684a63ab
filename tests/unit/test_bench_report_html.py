"""report.html: one file that needs nothing else, and says what the other reports say."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.simulated_bench import Machine, evaluation_of, result_of

from regtap_bench.figures.result import Caveat, Check, Result, Row
from regtap_bench.page.scales import LogScale
from regtap_bench.report.overview import cost_chart, spread_chart
from regtap_bench.report.render import markdown, sentence
from regtap_bench.report.report_html import html


@pytest.fixture(scope="module")
def result() -> Result:
    measured = result_of(evaluation_of(Machine().run(rounds=60)))
    return replace(
        measured,
        target="file:<b>&amp;",
        rows=(*measured.rows, Row("preadv2", "one preadv2", "native", refused="Not supported")),
        findings=(Caveat("load", "others <worked>", "stop them"),),
    )


@pytest.fixture(scope="module")
def page(result: Result) -> str:
    return html(result)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text, self.tags, self.open = "", [], []  # type: ignore[var-annotated]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _parsed(page: str) -> _Words:
    words = _Words()
    words.feed(page)
    return words


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert not re.findall(r"url\((?!#)|@import|<script|<link", page)


def test_the_verdict_stands_on_top(result: Result, page: str) -> None:
    text = _parsed(page).text
    assert sentence(result) in text
    assert text.index(sentence(result)) < text.index("What each way costs")


def test_an_invalid_run_is_marked_as_one(result: Result) -> None:
    broken = replace(result, checks=(Check("timer", passed=False, text="it stands still"),))
    page = html(broken)

    assert 'class="verdict invalid"' in page
    assert "INVALID, no figure of this run may be used" in page


def test_what_a_user_typed_is_escaped(page: str) -> None:
    assert "file:&lt;b&gt;&amp;amp;" in page
    assert "others &lt;worked&gt;" in page
    assert "<b>" not in page


def test_no_text_of_a_result_is_obeyed_in_markdown(result: Result) -> None:
    hostile = "\x1b[2Jgone\n# heading <script>alert(1)</script>"
    text = markdown(replace(result, target=hostile, findings=(Caveat("load", hostile, hostile),)))

    assert "\x1b" not in text
    assert "<script>" not in text
    assert "\n# heading" not in text


def test_every_arm_has_a_row_and_a_refused_one_its_reason(result: Result, page: str) -> None:
    for row in result.rows:
        assert f'<th scope="row" role="rowheader">{row.arm}</th>' in page
    assert "not here: Not supported" in page


def test_an_overview_is_first_with_a_labelled_dot_for_each_way(result: Result, page: str) -> None:
    chart = cost_chart(result)
    assert chart is not None

    assert [(group.heading, [dot.label for dot in group.dots]) for group in chart.groups] == [
        ("Native code", ["mmap load", "pread", "lseek+read", "preadv2"]),
        ("Python", ["memoryview"]),
    ]
    text = _parsed(page).text
    assert text.index("What each way costs") < text.index("In figures")
    dots = [dot for group in chart.groups for dot in group.dots if dot.at is not None]
    assert all(
        dot.text in text and 0 <= dot.low <= dot.at <= dot.high <= 100 for dot in dots if dot.at is not None
    )
    assert [dot.is_bound for dot in dots] == [True, False, False, False]


def test_places_on_the_axis_are_logarithmic() -> None:
    scale = LogScale(0.3, 2_000, str)

    assert [(round(tick.at, 6), tick.label) for tick in scale.ticks] == [
        (0, "-1"),
        (20, "0"),
        (40, "1"),
        (60, "2"),
        (80, "3"),
        (100, "4"),
    ]
    assert scale.percent(10) == pytest.approx(40)
    assert (scale.percent(0), scale.percent(1e9)) == (0, 100)


def test_the_spread_says_where_nine_of_ten_blocks_lie(result: Result) -> None:
    chart = spread_chart(result)
    assert chart is not None
    pread = next(dot for group in chart.groups for dot in group.dots if dot.label == "pread")

    assert "nine of ten" in pread.text
    assert pread.inner is not None
    assert pread.low <= pread.inner[0] <= (pread.at or 0) <= pread.inner[1] <= pread.high


def test_drawn_figures_scale_have_texts_and_the_pages_colours(page: str) -> None:
    svgs = [attributes for tag, attributes in _parsed(page).tags if tag == "svg"]
    assert len(svgs) == 1
    assert not any({"width", "height"} & set(attributes) for attributes in svgs)
    assert all("viewbox" in attributes for attributes in svgs)
    assert "nine of ten stretches within" in page
    assert not re.findall(r"(?:fill|stroke): #", page[page.index("<svg") :])
    names = re.findall(r' id="([^"]*)"', page)
    assert len(names) == len(set(names))

    referred = set(re.findall(r'(?:href="#|url\(#)([^")]*)', page))

    assert referred <= set(names)


def test_the_page_says_how_to_repeat_the_run(page: str) -> None:
    assert "regtap bench -t sim --quick --seed 1 COUNT32=0x8:u32" in page
