"""The reports of a trace and of the benchmark in a real browser: complete without a network, and legible on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.browser.conftest import NASTY
from tests.simulated_bench import Machine, evaluation_of, result_of

from regtap_analysis.reports.api import report
from regtap_bench.report.report_html import html

# The parts of the page that reach beyond its right edge; what is hidden on purpose is one pixel wide.
_OUTSIDE = """[...document.querySelectorAll('body *')].filter(it => {
    const box = it.getBoundingClientRect();
    return box.width > 1 && box.right > innerWidth + 1 && !it.closest('svg') && !it.closest('.hidden, thead');
}).map(it => it.outerHTML.slice(0, 120))"""
_INKS = "[...document.querySelectorAll('p, li, td, th, h1, h2, figcaption')].map(it => getComputedStyle(it).color)"


@pytest.fixture(scope="module")
def pages(trace: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "trace": report(trace).html(),
        "bench": html(result_of(evaluation_of(Machine().run(rounds=60)))),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["trace", "bench"])
def test_a_report_fits_needs_no_network_and_does_not_complain(
    browser: Browser, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))
    page.goto(pages[name].as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(_OUTSIDE) == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 28)"}[scheme]
    assert paper not in page.evaluate(_INKS)
    assert page.title() != "owned"
    assert complaints == [pages[name].as_uri()]
    context.close()


def test_names_of_facts_stay_whole_on_a_phone(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, offline=True)
    page = context.new_page()
    page.goto(pages["trace"].as_uri())

    heights = page.evaluate("""[...document.querySelectorAll('table[aria-label="Machine and clock"] tbody th')]
        .filter(it => !it.textContent.includes(' ')).map(it => {
            const range = document.createRange();
            range.selectNodeContents(it);
            return range.getBoundingClientRect().height;
        })""")
    context.close()

    assert len(set(heights)) == 1


def test_texts_of_a_trace_stay_texts(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(pages["trace"].as_uri())

    assert page.locator("script, a").count() == 0
    assert NASTY.partition("\x1b")[0] in page.locator("body").inner_text()
    context.close()


def test_a_printed_report_is_dark_on_white(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(color_scheme="dark", offline=True)
    page = context.new_page()
    page.goto(pages["trace"].as_uri())

    page.emulate_media(media="print", color_scheme="dark")

    colours = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    context.close()
