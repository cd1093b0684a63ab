"""A browser, and pages of traces in it; nothing may reach out of loopback, and no page may complain."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright
from tests.synthetic import STATUS, TraceOptions, write_trace
from tests.viewing import serving

from regtap.registers.model import Field, Register, Value
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark

ROWS, STEP_NS = 200_000, 1_000
SPIKE = 123_456  # the one row in which WIDE is another
NASTY = "</script><script>document.title='owned'</script>\x1b[31m\u202e"
STATE = Field("STATE", 4, 2, values=(Value("IDLE", 0), Value("RUN", 1), Value(NASTY, 2)))


def launched(playwright: Playwright) -> Browser:
    """Return the browser of this machine, started; playwright brings none."""
    path = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
    assert path, "no chromium: run make test-browser as root, or install it (apt-get install chromium)"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=arguments)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a trace with a 64-bit register with one spike, a status, named states, marks and a gap."""
    rows = np.arange(ROWS)
    wide = np.full(ROWS, 2**63 + 1, np.uint64)
    wide[SPIKE] += np.uint64(1)
    registers = [
        Register("WIDE", 0, "u64"),
        STATUS,
        Register("MODE", 0x30, "u32", (STATE,)),
    ]
    columns = {"WIDE": wide, "STATUS": rows // 500 % 16, "MODE": rows // 50_000 % 3 << 4}
    options = TraceOptions(
        target=NASTY,
        rows_per_part=70_000,
        is_native=True,
        gaps=(Gap(90_000, 5, 89_999 * STEP_NS, 90_000 * STEP_NS, "full"),),
        marks=(Mark(50_000 * STEP_NS, NASTY), Mark(150_000 * STEP_NS, "second")),
    )
    return write_trace(
        tmp_path_factory.mktemp("browser") / "run", registers, rows * STEP_NS, columns, options
    )


@pytest.fixture(scope="session")
def address(trace: Path) -> Iterator[str]:
    with serving(trace) as found:
        yield found


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Return a function that opens an address; at the end no page may have complained or asked elsewhere."""
    complaints: list[str] = []
    contexts = []

    def opened(
        address: str, width: int = 1280, *, is_offline: bool = False, tolerated: str = "\0", **options: object
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_offline(is_offline)
        page = context.new_page()
        page.on("console", lambda message: complaints.extend(_complaint(message, tolerated)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(_elsewhere(request.url)))
        page.goto(address)
        wait_for(page, "Number(document.body.dataset.answers || 0) > 0")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _complaint(message: ConsoleMessage, tolerated: str) -> list[str]:
    return [message.text] if message.type == "error" and tolerated not in message.text else []


def _elsewhere(address: str) -> list[str]:
    parts = urlsplit(address)
    return [] if parts.scheme in ("file", "data") or parts.hostname == "127.0.0.1" else [address]


def wait_for(page: Page, condition: str, seconds: float = 60) -> None:
    """Wait until an expression holds in a page; its policy forbids playwright's own way, which is eval()."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def settled(page: Page, act: Callable[[], object]) -> None:
    """Do something that changes the view, and wait for the answer that it makes the page ask for."""
    before = page.evaluate("app.answers")
    act()
    wait_for(
        page,
        f"app.answers > {before} && app.shown.first === app.state.first && app.shown.stop === app.state.stop",
    )
