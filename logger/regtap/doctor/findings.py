"""A finding: a state of the machine, its meaning for regtap, and the remedy."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Status(enum.StrEnum):
    """How good a finding is.

    OK: nothing to do. WARNING: something that regtap offers is missing here, or works worse, or is unsafe.
    PROBLEM: what regtap needs for its basics (or for the address that was asked about) is missing.
    """

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the screen, and a second line with the remedy, if there is one.

    Attributes:
        name: What was looked at.
        status: How good it is.
        state: What is there.
        meaning: What that means for regtap.
        remedy: What to do about it; empty where there is nothing to do.
        details: Further lines, one for each device.
    """

    name: str
    status: Status
    state: str
    meaning: str
    remedy: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Findings about one subject."""

    title: str
    findings: tuple[Finding, ...]


def ok(name: str, state: str, meaning: str, details: tuple[str, ...] = ()) -> Finding:
    """Return a finding without a remedy."""
    return Finding(name, Status.OK, state, meaning, details=details)


def warning(name: str, state: str, meaning: str, remedy: str, details: tuple[str, ...] = ()) -> Finding:
    """Return a finding about a feature: missing, working badly, or unsafe."""
    return Finding(name, Status.WARNING, state, meaning, remedy, details)


def problem(name: str, state: str, meaning: str, remedy: str) -> Finding:
    """Return a finding about a missing requirement of the basics, or of the address in question."""
    return Finding(name, Status.PROBLEM, state, meaning, remedy)
