"""Running the server until Ctrl-C, and showing its address to the user's browser."""

from __future__ import annotations

import contextlib
import html
import os
import secrets
import signal
import socket
import tempfile
import webbrowser
from typing import TYPE_CHECKING

import click

from regtap.errors import InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap_analysis.view.session import Session

_BACKLOG = 64


def serve(session: Session, port: int, *, opens_browser: bool) -> None:
    """Serve the page on this machine alone, until Ctrl-C.

    Args:
        session: The traces.
        port: The port to listen on; 0: any free one.
        opens_browser: Whether to open the page in the user's browser.

    Raises:
        InputError: The server's libraries are not installed.
        RefusedError: The port is taken.
    """
    try:
        import uvicorn

        from regtap_analysis.view.server import Server
    except ImportError as error:
        raise InputError("the page needs a server: pip install 'regtap[view]'") from error
    with _listening(port) as listener:
        bound = listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        app = Server(session, token).app(bound)
        config = uvicorn.Config(
            app,
            log_level="error",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        address = f"http://127.0.0.1:{bound}/{token}/"
        click.echo(f"{address}\nThe address is secret: it opens this trace. Ctrl-C ends it.")
        browser = _shown(address) if opens_browser else contextlib.nullcontext()
        with _ended_by_sigterm_too(), browser, contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


@contextlib.contextmanager
def _ended_by_sigterm_too() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does: the server raises the signal anew once it has ended."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise RefusedError(
                f"cannot listen at port {port} of 127.0.0.1: {error.strerror}",
                remedy="leave --port out for any free one",
                errno=error.errno,
            ) from error
        listener.listen(_BACKLOG)
        yield listener


@contextlib.contextmanager
def _shown(address: str) -> Iterator[None]:
    """Open a browser by way of a private file: other users see a browser's arguments, and the address is secret."""
    descriptor, path = tempfile.mkstemp(".html", "regtap-view-", os.environ.get("XDG_RUNTIME_DIR"))
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f'<meta http-equiv="refresh" content="0;url={html.escape(address)}">')
        webbrowser.open(f"file://{path}")
        yield
    finally:
        os.unlink(path)
