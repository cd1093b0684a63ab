"""The server of `regtap view`: reachable from this machine alone, by a secret in the address; requests are checked."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Any

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from regtap.errors import ExpressionError, RegtapError
from regtap.triggers.parse import parse_condition
from regtap_analysis.signals import search
from regtap_analysis.signals.condition_search import ConditionSearch
from regtap_analysis.signals.model import View
from regtap_analysis.view.columns import BUDGETS, columns_of
from regtap_analysis.view.page import PAGE, served_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from regtap_analysis.view.session import Lane, Session, Shown

MOST_COLUMNS = 8192
_MOST_LANES = 4096
_AT_ONCE = 2  # requests that read the trace; the others wait, and are dropped if their page has gone on
_NUMBER = re.compile(r"-?[0-9]{1,19}\Z", re.ASCII)
_LARGEST = 2**62  # the difference of two such times fits 64 bits
_COLUMN = "regtap-column"  # the header that tells at which place of a condition something is wrong
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html"}
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class BadRequestError(Exception):
    """An invalid request; the text is shown to the client."""


class Guard:
    """Lets only requests of the page itself through.

    The name in Host keeps other sites' names for this address out (DNS rebinding), Origin their scripts, the token
    other users of this machine.

    Args:
        app: The guarded application.
        port: The port that is listened at.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}
        self._origins = {b"http://" + host for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with 403 whatever comes from elsewhere."""
        if scope["type"] != "http":
            return
        headers = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        origins = [value for name, value in headers if name == b"origin"]
        if len(hosts) == 1 and hosts[0] in self._hosts and all(origin in self._origins for origin in origins):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("forbidden", 403, _HEADERS)(scope, receive, send)


class Server:
    """Answers the page's requests.

    Args:
        session: The traces.
        token: The secret part of the address.
    """

    def __init__(self, session: Session, token: str) -> None:
        self._session = session
        self._token = token
        self._limit = anyio.CapacityLimiter(_AT_ONCE)
        self._files = served_files()

    def app(self, port: int) -> ASGIApp:
        """Return the guarded application."""
        answers: Mapping[str, Callable[[Mapping[str, str]], Response]] = {
            "info": self._info,
            "lanes": self._lanes,
            "at": self._at,
            "search": self._search,
            "count": self._count,
        }
        routes = [
            Route("/{token}/", self._file),
            *(Route(f"/{{token}}/api/{name}", self._answering(make)) for name, make in answers.items()),
            Route("/{token}/{name}", self._file),
        ]
        return Guard(Starlette(routes=routes), port)

    def _is_known(self, request: Request) -> bool:
        return hmac.compare_digest(request.path_params["token"].encode(), self._token.encode())

    async def _file(self, request: Request) -> Response:
        name = request.path_params.get("name", PAGE)
        if not self._is_known(request) or name not in self._files:
            return PlainTextResponse("not found", 404, _HEADERS)
        media = _TYPES[name.rpartition(".")[2]]
        return Response(self._files[name], headers=_HEADERS, media_type=media)

    def _answering(self, make: Callable[[Mapping[str, str]], Response]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if not self._is_known(request):
                return PlainTextResponse("not found", 404, _HEADERS)
            async with self._limit:
                if await request.is_disconnected():
                    return PlainTextResponse("", 499, _HEADERS)
                try:
                    return await run_sync(make, request.query_params)
                except BadRequestError as error:
                    return PlainTextResponse(f"bad request: {error}", 400, _HEADERS)
                except ExpressionError as error:
                    return PlainTextResponse(str(error), 400, {**_HEADERS, _COLUMN: str(error.column)})
                except RegtapError as error:
                    return PlainTextResponse(str(error), 500, _HEADERS)

        return answer

    def _info(self, _: Mapping[str, str]) -> Response:
        self._session.look_again()
        return _json(self._session.describe())

    def _lanes(self, query: Mapping[str, str]) -> Response:
        view = View(_number(query, "first"), _number(query, "stop"))
        columns = _number(query, "columns")
        if view.span_ns < 1 or not 1 <= columns <= MOST_COLUMNS:
            raise BadRequestError(f"a view has at least 1 ns and 1 to {MOST_COLUMNS} columns")
        budget = BUDGETS.get(query.get("effort", "1"))
        if budget is None:
            raise BadRequestError("effort is 1 or 2")
        content = columns_of(self._session, self._chosen(query), view, columns, budget)
        return Response(content, headers=_HEADERS, media_type="application/octet-stream")

    def _at(self, query: Mapping[str, str]) -> Response:
        moment = _number(query, "t")
        chosen = self._chosen(query)
        found: dict[int, dict[str, str] | None] = {}
        for shown, lanes in self._by_trace(chosen):
            signals = [lane.signal for lane in lanes]
            samples = search.samples_at(shown.pages, signals, moment - shown.offset_ns)
            for lane, sample in zip(lanes, samples, strict=True):
                found[lane.number] = _sample(sample, shown.offset_ns)
        return _json({"samples": [found[lane.number] for lane in chosen]})

    def _search(self, query: Mapping[str, str]) -> Response:
        """Search the lane's trace for a condition, or the lane for a change where there is none."""
        (lane,) = self._chosen(query, most=1)
        shown = self._session.shown[lane.source]
        direction = query.get("direction")
        if direction not in ("next", "previous"):
            raise BadRequestError("direction is next or previous")
        moment_ns = _number(query, "t") - shown.offset_ns
        if "condition" in query:
            registers = shown.trace.registers
            condition = parse_condition(query["condition"], registers)
            sought = ConditionSearch(shown.pages, registers, condition)
            found = sought.next(moment_ns) if direction == "next" else sought.previous(moment_ns)
        else:
            find = search.next_change if direction == "next" else search.previous_change
            found = find(shown.pages, lane.signal, moment_ns)
        return _json({"t": _moment(found.t_ns, shown), "resume": _moment(found.resume_ns, shown)})

    def _count(self, query: Mapping[str, str]) -> Response:
        first_ns, stop_ns = sorted((_number(query, "first"), _number(query, "stop")))
        chosen = self._chosen(query)
        traces = self._by_trace(chosen)
        found: dict[int, dict[str, str]] = {}
        for shown, lanes in traces:
            span_ns = first_ns - shown.offset_ns, stop_ns - shown.offset_ns
            signals = [lane.signal for lane in lanes]
            counts = search.count_changes(shown.pages, signals, span_ns, search.BUDGET_ROWS // len(traces))
            for lane, count in zip(lanes, counts, strict=True):
                until = str(count.until_ns + shown.offset_ns)
                found[lane.number] = {"changes": str(count.changes), "until": until}
        return _json({"counts": [found[lane.number] for lane in chosen]})

    def _by_trace(self, lanes: Sequence[Lane]) -> list[tuple[Shown, list[Lane]]]:
        """Return the lanes of each trace that has any of them."""
        held: dict[int, list[Lane]] = {}
        for lane in lanes:
            held.setdefault(lane.source, []).append(lane)
        shown = self._session.shown
        return [(shown[source], mine) for source, mine in held.items()]

    def _chosen(self, query: Mapping[str, str], most: int = _MOST_LANES) -> list[Lane]:
        numbers = query.get("lanes", "").split(",")
        if len(numbers) > most:
            raise BadRequestError(f"at most {most} lanes at once")
        known = self._session.lanes
        if not all(
            re.match(r"[0-9]{1,4}\Z", number, re.ASCII) and int(number) < len(known) for number in numbers
        ):
            raise BadRequestError("lanes are numbers of lanes")
        return [known[number] for number in dict.fromkeys(map(int, numbers))]


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not _NUMBER.match(text) or abs(int(text)) > _LARGEST:
        raise BadRequestError(f"{name} is a whole number up to 2^62")
    return int(text)


def _moment(t_ns: int | None, shown: Shown) -> str | None:
    """Return a time of a trace as text of the common axis."""
    return None if t_ns is None else str(t_ns + shown.offset_ns)


def _sample(sample: search.Sample | None, offset_ns: int) -> dict[str, str] | None:
    return None if sample is None else {"t": str(sample.t_ns + offset_ns), "value": str(sample.value)}


def _json(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers=_HEADERS)
