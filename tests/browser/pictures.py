"""The pictures of `regtap view` and `regtap watch` that the README shows: `python -m tests.browser.pictures`.

Both are of the simulated device: the first of a capture of two seconds, in Chromium; the second of a terminal of 80
columns after two seconds, as pyte holds its cells.
"""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from tests.browser.conftest import launched
from tests.command import run_regtap
from tests.terminal import Terminal
from tests.viewing import serving

FOLDER = Path(__file__).parents[2] / "results" / "reference"
REGISTERS = ("COUNT32", "STATUS", "ADC", "GPIO")
_COLOURS = {
    "black": "#14181c",
    "default": "#d8dee4",
    "brown": "#e6b93c",
    "yellow": "#e6b93c",
    "green": "#4fc9a4",
    "cyan": "#6cb6e6",
}
_PAGE = """<style>body {{ margin: 0; background: #14181c; }} pre {{ margin: 0; padding: 14px; width: max-content;
font: 14px/1.3 "DejaVu Sans Mono", monospace; color: #d8dee4; }} b {{ color: #fff; }}</style><pre>{}</pre>"""


def view_picture(browser: Browser, path: Path) -> None:
    """Write the page of a capture, with both cursors."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "run1"
        rate = ("--rate", "500", "--duration", "2s")
        done = run_regtap("record", "-t", "sim", *REGISTERS, "-o", str(trace), *rate)
        assert done.returncode == 0, done.stderr
        with serving(trace) as address:
            page = browser.new_page(viewport={"width": 1100, "height": 560})
            page.goto(f"{address}#a=500000000&b=750000000")
            page.wait_for_timeout(1500)
            page.mouse.move(760, 330)
            page.wait_for_timeout(500)
            page.screenshot(path=path)
            page.close()


def watch_picture(browser: Browser, path: Path) -> None:
    """Write the table in a terminal."""
    with Terminal("watch", "-t", "sim", *REGISTERS, size=(14, 92)) as terminal:
        terminal.wait_for("STATUS")
        terminal.take_for(2)
        text = "\n".join(_line(terminal.screen, row) for row in range(terminal.screen.lines))
    page = browser.new_page(viewport={"width": 800, "height": 300})
    page.set_content(_PAGE.format(text))
    page.locator("pre").screenshot(path=path)
    page.close()


def _line(screen: Any, row: int) -> str:
    return "".join(_cell(screen.buffer[row][column]) for column in range(screen.columns))


def _cell(cell: Any) -> str:
    front, back = (
        _COLOURS.get(name, f"#{name}" if len(name) == 6 else "#d8dee4") for name in (cell.fg, cell.bg)
    )
    if cell.bg == "default":
        back = "#14181c"
    elif cell.fg == "default":
        front = "#14181c"  # as a terminal shows what changed: dark on a colour
    if cell.reverse:
        front, back = back, front
    weight = ";font-weight:bold" if cell.bold else ""
    return f'<span style="color:{front};background:{back}{weight}">{html.escape(cell.data or " ")}</span>'


def main() -> None:
    """Write both."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        view_picture(browser, FOLDER / "view.png")
        watch_picture(browser, FOLDER / "watch.png")
        browser.close()


if __name__ == "__main__":
    main()
