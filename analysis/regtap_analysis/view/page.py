"""The page's files: each for the server, and all in one file for use without a server."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

SCRIPTS = (
    "ticks.js",
    "names.js",
    "state.js",
    "columns.js",
    "source.js",
    "lane.js",
    "paint.js",
    "panel.js",
    "search.js",
    "input.js",
    "app.js",
)
STYLE, PAGE = "style.css", "index.html"
_SCRIPTS_HERE = "<!-- scripts -->"
_STYLE_HERE = f'<link rel="stylesheet" href="{STYLE}">'


def served_files() -> dict[str, bytes]:
    """Return every file of the page by its name."""
    texts = {name: _read(name) for name in (*SCRIPTS, STYLE)}
    tags = "\n".join(f'<script src="{name}" defer></script>' for name in SCRIPTS)
    texts[PAGE] = _read(PAGE).replace(_SCRIPTS_HERE, tags)
    return {name: text.encode() for name, text in texts.items()}


def single_file(info: dict[str, Any], columns: bytes) -> bytes:
    """Return the page with everything in it; its content policy forbids all requests.

    Args:
        info: The result of `Session.describe`.
        columns: The result of `columns_of`.
    """
    style, script = _read(STYLE), "\n".join(_read(name) for name in SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # "<" would end the element in which the document lies; JSON may write it as an escape.
    document = json.dumps(info, separators=(",", ":")).replace("<", "\\u003c")
    elements = [
        f'<script type="application/json" id="regtap-info">{document}</script>',
        f'<script type="text/plain" id="regtap-columns">{base64.b64encode(columns).decode()}</script>',
        f"<script>{script}</script>",
    ]
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    page = _read(PAGE).replace(_STYLE_HERE, f"{meta}\n<style>{style}</style>")
    return page.replace(_SCRIPTS_HERE, "\n".join(elements)).encode()


def _read(name: str) -> str:
    return (files("regtap_analysis.view") / "static" / name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
