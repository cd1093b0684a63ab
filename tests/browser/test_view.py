"""`regtap view` in a real browser, and the file that it exports."""

from __future__ import annotations

import json
import shutil
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page
from tests.browser.conftest import ROWS, SPIKE, STATE, STEP_NS, Open, settled, wait_for
from tests.command import run_regtap
from tests.synthetic import counter_trace
from tests.viewing import serving

from regtap.trace.files import SPOOL_POINTER
from regtap.trace.gaps import Gap
from regtap_analysis.plot.spans import shades
from regtap_analysis.plot.states import colour_number
from regtap_analysis.plot.text import shorten
from regtap_analysis.plot.ticks import time_axis, value_axis


def span_of(page: Page) -> int:
    return int(page.evaluate("String(app.state.span)"))


def count_high(page: Page) -> int:
    """Return in how many columns the spike shows."""
    script = "[...app.shown.lanes.get(0).high].filter(value => value === 2n ** 63n + 2n).length"
    return int(page.evaluate(script))


def test_the_whole_trace_shows_with_its_spike(address: str, open_page: Open) -> None:
    page = open_page(address)
    assert count_high(page) == 1
    assert "200,000 rows" in page.locator(".facts").inner_text()


def test_wheel_keys_and_buttons_zoom_and_move(address: str, open_page: Open) -> None:
    page = open_page(address)
    spans = [span_of(page)]
    page.mouse.move(800, 300)
    for act in (
        lambda: page.mouse.wheel(0, -300),
        lambda: page.keyboard.press("w"),
        lambda: page.locator("#zoom-in").click(),
    ):
        settled(page, act)
        spans.append(span_of(page))
    assert spans == sorted(spans, reverse=True)
    assert spans[-1] < spans[0] // 4

    first = int(page.evaluate("String(app.state.first)"))
    settled(page, lambda: page.keyboard.press("d"))
    assert int(page.evaluate("String(app.state.first)")) > first

    settled(page, lambda: page.keyboard.press("f"))

    assert span_of(page) == spans[0]


def test_the_spike_shows_at_every_zoom(address: str, open_page: Open) -> None:
    page = open_page(address)
    step = f"app.state.zoom(0.5, 0.5); app.state.centre({SPIKE * STEP_NS}n); app.changed()"
    for _ in range(12):
        settled(page, lambda: page.evaluate(step))
        samples = page.evaluate(
            "[...(app.shown.lanes.get(0).values || [])].filter(v => v === 2n ** 63n + 2n).length"
        )
        assert samples == 1 or count_high(page) == 1


def test_the_readout_is_exact_to_the_last_of_64_bits(address: str, open_page: Open) -> None:
    page = open_page(address)
    settled(
        page,
        lambda: page.evaluate(
            f"app.state.show({SPIKE * STEP_NS - 4000}n, {SPIKE * STEP_NS + 4000}n); app.changed()"
        ),
    )
    box = page.locator("#lanes").bounding_box()
    assert box

    x = page.evaluate(f"app.painter.x(app.state, {SPIKE * STEP_NS + 500}n)")
    page.mouse.move(box["x"] + x, box["y"] + 60)
    wait_for(page, "document.getElementById('readout').textContent.includes('WIDE')")

    assert "0x8000000000000002 = 9,223,372,036,854,775,810" in page.locator("#readout").inner_text()


def test_cursors_say_distance_rate_and_changes(address: str, open_page: Open) -> None:
    page = open_page(address)
    page.evaluate(f"app.setCursor('a', {100_000 * STEP_NS}n); app.setCursor('b', {150_000 * STEP_NS}n)")
    wait_for(page, "document.getElementById('cursors').textContent.includes('change')")

    text = page.locator("#cursors").inner_text()

    assert "Δ 50 000 000 ns = 50 ms · 20 Hz · WIDE: 2 changes" in text


def test_a_cursor_is_dragged_by_its_flag(address: str, open_page: Open) -> None:
    page = open_page(address)
    box = page.locator("#top").bounding_box()
    assert box

    page.mouse.click(600, 300)
    wait_for(page, "app.state.a !== null")
    before = int(page.evaluate("String(app.state.a)"))
    page.mouse.move(600, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(800, box["y"] + 8, steps=4)
    page.mouse.up()

    moved = int(page.evaluate("String(app.state.a)")) - before

    assert abs(moved - page.evaluate("Number(app.state.span) * 200 / app.painter.plotWidth")) < 10


def test_search_goes_to_the_next_and_the_previous_change(address: str, open_page: Open) -> None:
    page = open_page(address)
    found = []
    for key in ("n", "n", "n", "p"):
        page.evaluate("document.getElementById('note').textContent = 'waiting'")
        page.keyboard.press(key)
        wait_for(page, "/changes at|no /.test(document.getElementById('note').textContent)")
        found.append(int(page.evaluate("String(app.state.a)")))

    spike = SPIKE * STEP_NS

    assert found == [spike, spike + STEP_NS, spike + STEP_NS, spike]


def wait_for_note(page: Page, text: str) -> str:
    """Wait for a word in the note below the lanes, and return the note."""
    wait_for(page, f"document.getElementById('note').textContent.includes({json.dumps(text)})")
    return page.locator("#note").inner_text()


def cursor_of(page: Page) -> int:
    return int(page.evaluate("String(app.state.a)"))


def test_a_condition_is_found_by_field_keys_and_buttons(address: str, open_page: Open) -> None:
    page = open_page(address)
    page.keyboard.press("/")
    page.keyboard.type("STATUS.ERROR == 1 and WIDE >= 0x8000000000000002")

    page.keyboard.press("Enter")
    assert wait_for_note(page, " at ").endswith("at 0.123 456 000 s")
    assert cursor_of(page) == SPIKE * STEP_NS
    page.keyboard.press("Enter")
    assert wait_for_note(page, "no next row").endswith("0x8000000000000002")

    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("STATUS.ERROR rises or MODE.STATE changes")  # every 4,000 rows, every 50,000
    found = []
    for element, key in (
        ("#condition", "Enter"),
        ("#condition", "Shift+Enter"),
        ("#scroll", "Shift+P"),
        ("#find-next", "Enter"),
    ):
        page.evaluate("document.getElementById('note').textContent = ''")
        page.locator(element).press(key)
        wait_for_note(page, " at ")
        found.append(cursor_of(page) // STEP_NS)

    assert found == [126_000, 122_000, 118_000, 122_000]


def test_a_condition_that_is_wrong_is_pointed_at(address: str, open_page: Open) -> None:
    page = open_page(address, tolerated="400")
    page.locator("#condition").fill("STATUS.BUSY == 1 and EROR rises")
    page.locator("#find-next").click()

    note = wait_for_note(page, "column")

    assert "column 22, at 'EROR rises': there is nothing called 'EROR'" in note
    selected = (
        "(field => field.value.slice(field.selectionStart, field.selectionEnd))(document.activeElement)"
    )
    assert page.evaluate(selected) == "EROR rises"
    assert page.locator("#condition").get_attribute("aria-invalid") == "true"
    assert page.evaluate("app.state.a") is None


def test_a_search_is_cancelled_by_the_next_one(address: str, open_page: Open) -> None:
    page = open_page(address)
    script = """(async () => {
        const search = text => app.source.search({lanes: 0, condition: text}, 0n, "next").catch(error => error.name);
        return String(await Promise.all([search("STATUS.ERROR rises"), search("MODE.STATE changes")]));
    })()"""
    assert page.evaluate(script) == f"AbortError,{50_000 * STEP_NS}"


def test_texts_of_a_trace_are_shown_and_never_run(
    address: str, open_page: Open, tmp_path: Path, trace: Path
) -> None:
    run_regtap("view", trace, "--export", tmp_path / "page.html")
    for where in (address, f"file://{tmp_path}/page.html"):
        page = open_page(where)
        page.keyboard.press("m")
        assert page.title() == "run · regtap view"
        assert "</script>" in page.locator("#mark-list li").first.inner_text()


def test_the_address_shares_the_view(address: str, open_page: Open) -> None:
    page = open_page(address)
    settled(page, lambda: page.evaluate("app.state.show(1000000n, 2000000n); app.setCursor('a', 1500000n)"))
    page.locator("#condition").fill("STATUS.BUSY == 1 & x")
    wait_for(page, "location.hash.includes('a=1500000') && location.hash.includes('q=STATUS')")

    again = open_page(page.url)

    assert again.locator("#condition").input_value() == "STATUS.BUSY == 1 & x"
    assert (
        again.evaluate("[app.state.first, app.state.stop, app.state.a].join()") == "1000000,2000000,1500000"
    )


def test_two_fingers_zoom_on_a_phone(address: str, open_page: Open) -> None:
    page = open_page(address, 390, has_touch=True)
    before = span_of(page)
    session = page.context.new_cdp_session(page)
    for kind, left, right in (("touchStart", 180, 240), ("touchMove", 140, 280), ("touchMove", 100, 340)):
        points = [{"x": x, "y": 400, "id": number} for number, x in enumerate((left, right))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_for(page, f"Number(app.state.span) < {before // 2}")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colours_of_the_system(address: str, open_page: Open, scheme: str) -> None:
    page = open_page(address, color_scheme=scheme)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 28)"}[scheme]


def test_a_capture_that_goes_on_is_followed(tmp_path: Path, open_page: Open) -> None:
    whole = counter_trace(tmp_path / "whole", rows=3000, rows_per_part=1000)
    growing = tmp_path / "growing"
    growing.mkdir()
    (growing / SPOOL_POINTER).write_text("{}\n")
    shutil.copy(whole / "part-00000.parquet", growing)

    with serving(growing) as address:
        page = open_page(address)
        before = span_of(page)
        shutil.copy(whole / "part-00001.parquet", growing / "new")
        (growing / "new").rename(growing / "part-00001.parquet")
        wait_for(page, f"Number(app.state.span) > {before * 3 // 2}")
        assert page.locator("#follow").is_visible()
        page.close()  # before its server: it looks again every second


def test_an_exported_file_opens_without_a_network(trace: Path, tmp_path: Path, open_page: Open) -> None:
    done = run_regtap("view", trace, "--export", tmp_path / "page.html")
    assert done.returncode == 0
    assert (tmp_path / "page.html").stat().st_size <= 5_000_000
    page = open_page(f"file://{tmp_path}/page.html", is_offline=True)
    assert count_high(page) == 1

    page.mouse.move(800, 300)
    settled(page, lambda: page.mouse.wheel(0, -300))
    page.keyboard.press("n")
    wait_for(page, "app.state.a !== null")

    assert abs(int(page.evaluate("String(app.state.a)")) - SPIKE * STEP_NS) <= ROWS * STEP_NS // 1000
    assert not page.locator("#condition").is_visible()  # it holds no rows to judge
    page.keyboard.press("?")
    assert "condition" not in page.locator("#keys").inner_text()


def test_columns_without_samples_are_no_change(address: str, open_page: Open) -> None:
    page = open_page(address)
    data = "{low: [5, 0, 5, 0, 6], high: [5, 0, 5, 0, 6], last: [5, 0, 5, 0, 6], state: [1, 0, 1, 0, 1]}"

    found = page.evaluate(f"[changeOfColumns({data}, 0, 1), changeOfColumns({data}, 4, -1)]")

    assert found == [4, None]


def test_a_gap_breaks_the_lines_of_its_own_trace_alone(trace: Path, tmp_path: Path, open_page: Open) -> None:
    whole = counter_trace(tmp_path / "whole", rows=1000)
    gaps = """[0, app.state.info.lanes.length - 1].map(number => {
        const box = {top: 0, height: 50}, bounds = {low: 0n, high: 1n}, context = document.createElement("canvas")
            .getContext("2d"), lane = app.state.info.lanes[number], data = app.shown.lanes.get(number);
        return new LanePainter(app.painter, context, app.state, app.shown, {lane, box, data, bounds}).gapsUpTo.at(-1);
    })"""

    with serving(trace, whole) as address:
        page = open_page(address)
        of_the_first, of_the_second = page.evaluate(gaps)

    assert of_the_first > 0
    assert of_the_second == 0


def test_what_a_trace_lacks_is_shaded_in_its_own_lanes(trace: Path, tmp_path: Path, open_page: Open) -> None:
    whole = counter_trace(tmp_path / "whole", rows=1000)
    bottom = "app.painter.layout(app.state).boxes.map(box => [box.top, box.top + box.height])"

    with serving(whole, trace) as address:
        page = open_page(address)
        boxes = page.evaluate(bottom)
        stretches = page.evaluate(
            "[0, 1].map(source => app.painter.stretches(app.state, app.painter.layout(app.state).boxes, source))"
        )
        page.keyboard.press("m")
        gaps = page.locator("#gap-list").inner_text()
        titles = page.locator("h1").all_inner_texts()

    (first,), (second,) = stretches
    assert boxes[0][1] <= first[1] < second[0] <= boxes[1][0]
    assert second[1] >= boxes[-1][1]
    assert gaps.startswith("2: full")
    assert [title[:8] for title in titles] == ["1: whole", "2: run ·"]


def test_its_lines_break_where_those_of_plot_do(tmp_path: Path, open_page: Open) -> None:
    gaps = (Gap(2, 1, 1000, 3000, "missed", rows=3), Gap(6, 1, 5_000, 5_010, "missed"))
    run_regtap("view", counter_trace(tmp_path / "run", rows=8, gaps=gaps), "--export", tmp_path / "page.html")
    page = open_page(f"file://{tmp_path}/page.html")
    script = """(() => {
        const context = document.createElement("canvas").getContext("2d"), data = app.shown.lanes.get(0);
        const of = {lane: app.state.info.lanes[0], box: {top: 0, height: 50}, data, bounds: {low: 0n, high: 8n}};
        const painter = new LanePainter(app.painter, context, app.state, app.shown, of);
        return [...data.times.keys()].map(k => painter.isBroken(k));
    })()"""
    assert page.evaluate(script) == [False] * 5 + [True] + [False] * 2

    settled(page, lambda: page.evaluate("(app.state.show(4500n, 6500n), app.changed())"))

    assert page.evaluate(script) == [False, True, False, False]


def test_its_long_names_are_cut_as_those_of_plot(address: str, open_page: Open) -> None:
    page = open_page(address)
    names = [
        "USB_OTG_GLOBAL.GOTGCTL",
        "USB_OTG_GLOBAL.GRSTCTL",
        "AXI_READS_COUNTER",
        "DDR_READS_COUNTER",
        "ADC",
    ]
    for most in (2, 7, 12, 16):
        script = f"{names}.map(name => shorten(name, {names}, text => text.length <= {most}))"
        cuts = [shorten(name, names, lambda text, most=most: len(text) <= most) for name in names]  # type: ignore[misc]
        assert page.evaluate(script) == cuts


def test_a_lane_tells_its_full_name(address: str, open_page: Open) -> None:
    page = open_page(address)
    box = page.locator("#lanes").bounding_box()
    assert box is not None
    top = page.evaluate("app.painter.layout(app.state).boxes[2].top")

    page.mouse.move(box["x"] + 30, box["y"] + top + 5)

    assert page.locator("#lanes").get_attribute("title") == "STATUS.BUSY [0]"


@pytest.mark.parametrize(("width", "label"), [(1280, "time since second (ms)"), (390, "ms")])
def test_its_axis_counts_from_a_mark(trace: Path, open_page: Open, width: int, label: str) -> None:
    with serving(trace, options=("--align", "second")) as address:
        page = open_page(address, width)
        shown = page.evaluate("""(() => {
            const context = document.createElement("canvas").getContext("2d"), {painter, state} = app;
            context.font = painter.font(10.5);
            return [painter.axisLabel(context, painter.axis(state), painter.gutter - 12), String(state.info.first)];
        })()""")
        title = page.locator("#top").get_attribute("title")

    assert shown == [label, str(-150_000 * STEP_NS)]
    assert title == "time since second (ms)"


def test_its_shades_are_those_of_plot(address: str, open_page: Open) -> None:
    page = open_page(address)
    for density in ([0.0, 0.5, 1.0, 0.0], [0.0, 0.5, 1.0, 0.125, 0.0625] * 100):
        wanted = [0.0] * len(density)
        for left, right, strength in shades(np.array(density)):
            for column in range(round(left * len(density)), round(right * len(density))):
                wanted[column] = strength
        assert page.evaluate(f"[...shadesOf(Float32Array.from({density}))]") == wanted


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_states_have_colours_by_value(address: str, open_page: Open, scheme: str) -> None:
    page = open_page(address, color_scheme=scheme)
    numbers = page.evaluate("""[0n, 1n, 2n, 3n].map(value =>
        colourNumber(value, app.state.info.lanes.find(lane => lane.kind === "states")))""")

    assert numbers == [colour_number(STATE, number) for number in range(4)]
    colours = page.evaluate("[...Array(8).keys()].map(number => app.painter.colour(`state-${number}`))")
    assert len(set(colours)) == 8


def test_its_ticks_are_those_of_plot(address: str, open_page: Open) -> None:
    page = open_page(address)
    for first, span in (
        (0, 10**3),
        (-5, 10**6),
        (123_456_789, 10**4),
        (0, 59 * 10**9),
        (7, 10**13),
        (0, 10**17),
    ):
        axis = time_axis(first, first + span, 10)
        call = f"timeAxis({first}n, {first + span}n, 10)"
        script = f"[{call}.labels[0], {call}.ticks.map(String)]"
        assert page.evaluate(script) == [axis.label, [f"{place},{label}" for place, label in axis.ticks]]
    for low, high, bits in (
        (0, 1, 1),
        (5, 5, 32),
        (0, 2**64 - 1, 64),
        (3, 1000, 16),
        (10**15, 10**15 + 77, 64),
    ):
        ticks = value_axis(low, high, bits=bits).ticks
        script = f"valueAxis({low}n, {high}n, {bits}, 4, false).map(String)"
        assert page.evaluate(script) == [f"{place},{label}" for place, label in ticks]


def test_frames_of_a_zoom_are_drawn(
    address: str, open_page: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    page = open_page(address)
    page.mouse.move(800, 300)
    begun, before = time.perf_counter(), page.evaluate("app.frames")
    for down in [-60, -90] * 10:
        settled(page, partial(page.mouse.wheel, 0, down))
    each_ms = 1000 * (time.perf_counter() - begun) / 20
    frames = page.evaluate("app.frames") - before

    with capsys.disabled():
        sys.stdout.write(f"\na step of a zoom over {ROWS:,} rows: {each_ms:.0f} ms with its answer\n")

    assert frames >= 20
