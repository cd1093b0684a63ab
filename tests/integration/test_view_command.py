"""`regtap view` as a server that trusts nobody, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from tests.command import fork_regtap, start_regtap
from tests.synthetic import counter_trace
from tests.viewing import serving

from regtap.errors import RefusedError
from regtap.recovery.complete import recover
from regtap.trace.metadata import Mark
from regtap_analysis.commands.view import view


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return counter_trace(tmp_path_factory.mktemp("view") / "run", rows=20_000)


@pytest.fixture(scope="module")
def address(trace: Path) -> Iterator[str]:
    with serving(trace) as found:
        yield found


def get(address: str, path: str = "", **headers: str) -> tuple[int, bytes]:
    """Ask for a path below the address, or for a whole path; return status and body."""
    parts = urlsplit(address)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    try:
        connection.request("GET", path if path.startswith("/") else parts.path + path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_page_and_its_answers_come_under_the_token(address: str) -> None:
    assert get(address)[0] == 200
    status, body = get(address, "api/info")
    assert (status, json.loads(body)["lanes"][0]["name"]) == (200, "COUNT")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:80"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 200),
    ],
)
def test_only_the_page_itself_is_answered(address: str, headers: dict[str, str], status: int) -> None:
    assert get(address, "api/info", **headers)[0] == status


@pytest.mark.parametrize("path", ["/", "/x/", "/x/api/info", "/x/app.js"])
def test_without_the_token_nothing_is_there(address: str, path: str) -> None:
    assert get(address, path)[0] == 404


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "%2e%2e%2fpyproject.toml", "part-00000.parquet", "a/b"]
)
def test_no_other_file_is_served(address: str, path: str) -> None:
    assert get(address, path)[0] == 404


@pytest.mark.parametrize(
    "query",
    [
        "lanes",
        "lanes?first=0&stop=10&columns=9223372036854775808&lanes=0",
        "lanes?first=0&stop=10&columns=0&lanes=0",
        "lanes?first=10&stop=0&columns=10&lanes=0",
        "lanes?first=-9999999999999999999&stop=9999999999999999999&columns=10&lanes=0",
        "lanes?first=0&stop=10&columns=10&lanes=99",
        "lanes?first=0&stop=10&columns=10&lanes=-1",
        "lanes?first=0&stop=10&columns=10&lanes=%D9%A1",
        "lanes?first=0&stop=10&columns=10&lanes=0&effort=9",
        "lanes?first=%00&stop=1e9&columns=10&lanes=0",
        "at?t=x&lanes=0",
        "search?t=0&lanes=0&direction=up",
        "search?t=0&lanes=0,0&direction=next",
        "search?t=0&lanes=0&direction=next&condition=",
        "search?t=0&lanes=0&direction=next&condition=COUNT+%3D%3D+%00",
        "search?t=0&lanes=0&direction=next&condition=%D9%A1%FF%F0%9F%92%A5",
        "search?t=0&lanes=0&direction=next&condition=" + "(" * 5000,
        "search?t=0&lanes=0&direction=up&condition=COUNT+changes",
        "search?t=9223372036854775808&lanes=0&direction=next&condition=COUNT+changes",
        "count?first=0&lanes=0",
    ],
)
def test_nonsense_gets_400_and_the_server_lives(address: str, query: str) -> None:
    assert get(address, f"api/{query}")[0] == 400
    assert get(address, "api/at?t=5000&lanes=0")[1] == b'{"samples":[{"t":"5000","value":"5"}]}'


@pytest.mark.parametrize(
    ("condition", "direction", "expected"),
    [
        ("COUNT == 7 or COUNT > 12345", "next", {"t": "7000", "resume": None}),
        ("COUNT == 7 or COUNT > 12345", "previous", {"t": None, "resume": None}),
        ("COUNT & 0x4000 rises", "next", {"t": str(0x4000 * 1000), "resume": None}),
        ("COUNT falls", "next", {"t": None, "resume": None}),
    ],
)
def test_a_condition_is_searched_for(
    address: str, condition: str, direction: str, expected: dict[str, str | None]
) -> None:
    query = urlencode({"t": 5000, "lanes": 0, "direction": direction, "condition": condition})
    status, body = get(address, f"api/search?{query}")
    assert (status, json.loads(body)) == (200, expected)


def test_a_wrong_condition_is_pointed_at(address: str) -> None:
    query = urlencode({"t": 0, "lanes": 0, "direction": "next", "condition": "COUNT > 5 and COUMT rises"})
    with urlopen(f"{address}api/info") as answer:
        assert answer.headers["regtap-column"] is None

    with pytest.raises(HTTPError) as caught, urlopen(f"{address}api/search?{query}"):
        pass

    assert (caught.value.code, caught.value.headers["regtap-column"]) == (400, "15")
    said = caught.value.read().decode()
    caught.value.close()
    assert said.startswith(
        "the condition, column 15, at 'COUMT rises': there is nothing called 'COUMT'; the nearest"
    )


def test_it_does_not_serve_as_root_unasked(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    done = CliRunner().invoke(view, [str(trace), "--no-browser"])

    assert isinstance(done.exception, RefusedError)
    assert "should not run as root" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "1s"], "belong to --export"),
        (["--export", "page.txt"], "should be named .html"),
        (["--export", "none/page.html"], "make it first"),
        (["--export", "page.html", "--register", "NONE"], "nothing called"),
        (["--export", "page.html", "--align", "reset"], "no mark"),
        (["--export", "page.html", "--from", "9s"], "nothing to export"),
    ],
)
def test_bad_requests_are_one_line(trace: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    done = fork_regtap("view", trace, *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_export_begins_before_the_mark_that_it_is_aligned_by(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", 100, step_ns=1_000_000, marks=(Mark(50_000_000, "reset 3"),))
    window = ("--align", "reset", "--from=-10ms", "--to", "5ms")

    done = fork_regtap("view", "run", "--export", "page.html", *window, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert re.search(r'"first": ?"-10000000", ?"stop": ?"5000000"', page)


def test_record_view_shows_the_capture_while_it_runs(tmp_path: Path) -> None:
    command = ("record", "-t", "sim", "COUNT32", "-o", str(tmp_path / "run"), "--rate", "500", "--view")
    process = start_regtap(*command, "--user", "root", cwd=tmp_path, env={**os.environ, "BROWSER": "true"})
    try:
        assert process.stderr is not None
        address = next(line.strip() for line in process.stderr if line.startswith("http://127.0.0.1:"))
        stops = [_stop_ns(address)]
        while stops[-1] <= stops[0]:
            stops.append(_stop_ns(address))
        assert list((tmp_path / "run").glob("*.parquet")) == []

        process.send_signal(signal.SIGINT)  # ends the capture, not the page
        assert "the page stays open" in next(line for line in process.stderr if "page" in line)
        while _info(address)["live"]:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        with pytest.raises(ConnectionError):
            _info(address)
    finally:
        while process.poll() is None:  # first the capture ends, then the page
            process.terminate()
            time.sleep(0.5)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def test_the_page_ends_with_a_recorder_that_is_killed(tmp_path: Path) -> None:
    command = ("record", "-t", "sim", "COUNT32", "-o", str(tmp_path / "run"), "--rate", "500", "--view")
    process = start_regtap(*command, "--user", "root", cwd=tmp_path, env={**os.environ, "BROWSER": "true"})
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr as told:
        address = next(line.strip() for line in told if line.startswith("http://127.0.0.1:"))
        assert _info(address)["live"]

        process.kill()
        process.wait(60)

        assert told.read() is not None  # to its end: no process holds it any more
    with pytest.raises(ConnectionError):
        _info(address)
    recover(tmp_path / "run")


def _info(address: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(address, "api/info")[1])
    return found


def _stop_ns(address: str) -> int:
    return int(_info(address)["stop"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--on-full", "overwrite", "--user", "root"), "a flight recorder stores nothing before its end"),
        pytest.param(
            (), "should not run as root", marks=pytest.mark.skipif(os.geteuid() != 0, reason="of root")
        ),
    ],
)
def test_what_cannot_be_viewed_is_refused_before_it_is_recorded(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = fork_regtap("record", "-t", "sim", "COUNT32", "-o", "run", "--view", *arguments, cwd=tmp_path)

    assert done.returncode in (2, 3)
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []
