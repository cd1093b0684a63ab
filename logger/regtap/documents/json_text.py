"""Loads JSON from files of any source, bounded in size, depth and number of values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a document may hold.

    Attributes:
        size_bytes: Its length as UTF-8.
        depth: How deep lists and objects may be nested.
        containers: How many lists and objects it may have; each takes some 200 bytes of memory.
    """

    size_bytes: int = 1 << 20
    depth: int = 32
    containers: int = 1 << 16


def load_json(raw: bytes, limits: Limits = Limits()) -> object:
    """Return the value of a JSON document.

    Args:
        raw: UTF-8.
        limits: Limits on size, depth and number of values.

    Raises:
        ValueError: It is no JSON, or more than the limits allow; the text says so on one line.
    """
    if len(raw) > limits.size_bytes:
        raise ValueError(f"it has {len(raw):,} bytes, and {limits.size_bytes:,} are allowed")
    if raw.count(b"[") + raw.count(b"{") > limits.containers:  # those in texts count too
        raise ValueError(f"it has over {limits.containers:,} lists and objects")
    try:
        document: object = json.loads(raw.decode(), parse_constant=_refuse)
    except RecursionError:
        raise _too_deep(limits) from None
    except UnicodeDecodeError as error:
        raise ValueError("it is no UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at byte {error.pos}") from error
    _check_depth(document, limits)
    return document


def dump_json(document: object, indent: int) -> str:
    """Return a document as JSON in ASCII, without a control character but line ends."""
    return json.dumps(document, indent=indent).replace("\x7f", "\\u007f")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _check_depth(document: object, limits: Limits) -> None:
    level = [document]
    for _ in range(limits.depth + 1):
        containers = [it for it in level if isinstance(it, dict | list)]
        if not containers:
            return
        level = [inner for it in containers for inner in (it.values() if isinstance(it, dict) else it)]
    raise _too_deep(limits)


def _too_deep(limits: Limits) -> ValueError:
    return ValueError(f"its lists and objects are nested deeper than {limits.depth}")
