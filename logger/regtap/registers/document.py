"""Descriptions of registers in JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regtap.registers.model import Field, Register, Value


def without_defaults(described: Register | Field | Value) -> dict[str, Any]:
    """Return a description for JSON, without the members that have their default value."""
    members: dict[str, Any] = {}
    for it in fields(described):
        content = getattr(described, it.name)
        if content == it.default:
            continue
        is_nested = isinstance(content, tuple)
        members[it.name] = [without_defaults(part) for part in content] if is_nested else content
    return members
