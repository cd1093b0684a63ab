"""Settings of a test's capture: the marker's options, then the command line's, then the ini file's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from regtap.registers.model import Register

MARKER = "registers"
MARKER_HELP = (
    "registers(*registers, target=, rate=, keep=, on_full=, keep_last=, duration=, samples=, latency=, "
    "spool_size=, cpu=, realtime=, compress=, durable=, on_change=, heartbeat=, keep_parts=, keep_size=, maps=, "
    "allow_side_effects=, "
    "trigger=, pre=, post=, holdoff=, captures=, trigger_run=): what the fixture register_trace records; options as in "
    "regtap.record"
)
_KEEP = ("failed", "always", "never")
_UNAVAILABLE = ("error", "skip")
_INI = (
    "regtap_target",
    "regtap_registers",
    "regtap_rate",
    "regtap_spool_size",
    "regtap_keep",
    "regtap_dir",
    "regtap_retention_count",
    "regtap_lossless",
    "regtap_unavailable",
)
_RECORD_OPTIONS = frozenset(
    {
        "rate",
        "on_full",
        "keep_last",
        "duration",
        "samples",
        "latency",
        "spool_size",
        "cpu",
        "realtime",
        "compress",
        "durable",
        "on_change",
        "heartbeat",
        "keep_parts",
        "keep_size",
        "maps",
        "allow_side_effects",
        "trigger",
        "pre",
        "post",
        "holdoff",
        "captures",
        "trigger_run",
    }
)
_MARKER_OPTIONS = _RECORD_OPTIONS | {"target", "keep"}
# The recorder's own choice takes up to 1 GiB, whose pages are touched beforehand: too slow for every test.
_SLOW_HZ, _FAST_SPOOL = 10_000, "64MiB"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one test's capture.

    Attributes:
        registers: The registers to record.
        target: The target; None: the marker names none.
        keep: `failed`, `always` or `never`.
        options: Further options of regtap.record.
    """

    registers: tuple[Register | str, ...]
    target: str | None
    keep: str
    options: Mapping[str, Any]


def add_options(parser: pytest.Parser) -> None:
    """Declare the command line's options and the ini file's."""
    group = parser.getgroup("regtap", "register traces (regtap)")
    group.addoption(
        "--regtap-target", metavar="TARGET", help="Target of register_trace (mem, uio:0, sim...)."
    )
    group.addoption("--regtap-keep", choices=_KEEP, help="Which register traces to keep.")
    group.addoption("--regtap-dir", metavar="DIR", help="Folder for register traces.")
    parser.addini("regtap_target", "target of register_trace", default="mem")
    parser.addini("regtap_registers", "registers that register_trace records", type="args", default=[])
    parser.addini(
        "regtap_map", "register maps, FILE[:BLOCK][@BASE], from the rootdir", type="args", default=[]
    )
    parser.addini("regtap_rate", "samples a second (1k), or max", default="1k")
    parser.addini("regtap_spool_size", f"ring in shared memory ({_FAST_SPOOL}; up to 10 kHz, what it needs)")
    parser.addini("regtap_keep", "traces to keep: failed, always or never", default="failed")
    parser.addini("regtap_dir", "folder for traces, from the rootdir", default="regtap-traces")
    parser.addini("regtap_retention_count", "how many runs' traces to keep", default="3")
    parser.addini("regtap_lossless", "whether a lost sample is an error", type="bool", default=False)
    parser.addini("regtap_unavailable", "what a refused target means: error or skip", default="error")


def check_ini(config: pytest.Config) -> None:
    """Raise UsageError if the ini file has an invalid value."""
    for name in _INI:
        try:
            config.getini(name)
        except (TypeError, pytest.UsageError) as error:  # pytest 9's pytest.toml: a number, say
            raise pytest.UsageError(f"{error}; write it in quotes") from error
    for name, known in (("regtap_keep", _KEEP), ("regtap_unavailable", _UNAVAILABLE)):
        if config.getini(name) not in known:
            raise pytest.UsageError(f"{name} is {config.getini(name)!r}; use one of {', '.join(known)}")
    count = config.getini("regtap_retention_count")
    if not (count.isascii() and count.isdigit() and int(count)):
        raise pytest.UsageError(f"regtap_retention_count is {count!r}; use a number of runs, at least 1")


def default_target(config: pytest.Config) -> str:
    """Return the default target of tests."""
    target: str = config.getoption("regtap_target") or config.getini("regtap_target")
    return target


def settings_of(item: pytest.Item) -> Settings:
    """Return the settings of a test; for each option the marker nearest to the test wins.

    Raises:
        InputError: It makes no sense; the message says which part.
    """
    from regtap.errors import InputError

    config = item.config
    registers = tuple(config.getini("regtap_registers"))
    given: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers(MARKER))):
        given.update(mark.kwargs)
        registers = mark.args or registers
    if not registers:
        raise InputError('no registers to record; name them: @pytest.mark.registers("NAME", ...)')
    _check(registers, given)
    target, keep = given.pop("target", None), given.pop("keep", None)
    keep = keep or config.getoption("regtap_keep") or config.getini("regtap_keep")
    return Settings(registers, target, keep, _with_defaults(config, given))


def _check(registers: tuple[Any, ...], given: dict[str, Any]) -> None:
    from regtap.errors import InputError
    from regtap.registers.model import Register

    for register in registers:
        if not isinstance(register, str | Register):
            raise InputError(f"{register!r} is no register; write registers as strings, one argument each")
    unknown = sorted(given.keys() - _MARKER_OPTIONS)
    if unknown:
        known = ", ".join(sorted(_MARKER_OPTIONS))
        raise InputError(f"the marker {MARKER} has no option {unknown[0]!r}; it has {known}")
    if given.get("keep") not in (None, *_KEEP):
        raise InputError(f"keep is {given['keep']!r}; use one of {', '.join(_KEEP)}")


def _with_defaults(config: pytest.Config, given: dict[str, Any]) -> dict[str, Any]:
    rate = given.get("rate", config.getini("regtap_rate"))
    spool_size = config.getini("regtap_spool_size") or (_FAST_SPOOL if _is_fast(rate) else None)
    defaults = {"spool_size": spool_size, "maps": _default_maps(config)}
    return {**defaults, **given, "rate": rate}


def _default_maps(config: pytest.Config) -> list[str] | None:
    """Return the ini file's maps; None: it names none, and REGTAP_MAP holds."""
    maps: list[str] = config.getini("regtap_map")
    return [str(config.rootpath / text) for text in maps] or None


def _is_fast(rate: str | float | Fraction) -> bool:
    from regtap.units.parse import parse_rate_hz

    rate_hz = parse_rate_hz(rate) if isinstance(rate, str) else rate
    return rate_hz is None or rate_hz > _SLOW_HZ
