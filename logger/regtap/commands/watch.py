"""`regtap watch`: registers live, in the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from regtap.cli.names import maps_of, note_left_out
from regtap.cli.options import allow_side_effects_option, json_option, map_option, target_option
from regtap.cli.output import ExitCode, print_line, print_note
from regtap.cli.recorder import KeyRecorder
from regtap.cli.signals import POLL_S, EndSignals
from regtap.errors import BusFaultError, InputError
from regtap.maps.decode import value_names
from regtap.sampling.live import LiveValues
from regtap.system.privileges import become, user_behind_root
from regtap.targets import parse_target
from regtap.targets.opened import OpenedTarget
from regtap.units.parse import parse_duration_ns, parse_rate_hz, quoted
from regtap.watch.table import Look, Table, plain_text
from regtap.watch.values import History, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from regtap.registers.model import Register
    from regtap.sampling.live import Look as LiveLook
    from regtap.watch.values import Line, Row, View

_SHORTEST_NS, _LONGEST_NS = 20_000_000, 60 * 10**9
_NO_TERMINAL_COLUMNS = 160


@click.command(short_help="Watch registers live in the terminal.")
@target_option
@map_option
@click.option(
    "--rate",
    default="10k",
    show_default=True,
    metavar="RATE",
    help="Rows a second that changes are counted in.",
)
@click.option(
    "--interval", default="100ms", show_default=True, metavar="TIME", help="Between two screens, 20ms to 60s."
)
@click.option("--once", is_flag=True, help="Print the table after one interval, and end.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    help="Where the key r records: a folder that does not exist yet.  [default: regtap-watch-TIME]",
)
@click.option(
    "--user", metavar="NAME", help="Become this user once the target is mapped.  [default: sudo's caller]"
)
@allow_side_effects_option
@json_option
@click.argument("texts", metavar="REGISTER...", nargs=-1, required=True)
def watch(  # noqa: PLR0917 - one parameter for each option
    target_text: str,
    map_texts: tuple[str, ...],
    rate: str,
    interval: str,
    once: bool,
    output: str | None,
    user: str | None,
    allow_side_effects: bool,
    as_json: bool,
    texts: tuple[str, ...],
) -> int:
    """Show registers in a table that lives; nothing is written to the device.

    REGISTER is ADDRESS[:TYPE], NAME=ADDRESS[:TYPE], or a name or glob that a map or the target knows, also of a
    field (STATUS.BUSY). A native loop reads each register at --rate, and counts its changes: a pulse between two
    screens counts too. The key ? lists the keys; q ends.

    With --json, each interval is a line with one object, until the reader goes or a signal comes.
    """
    rate_hz, interval_s = _rate_hz(rate), _interval_s(interval)
    target = parse_target(target_text)
    selection = target.names(maps_of(map_texts)).select(texts, allow_side_effects=allow_side_effects)
    note_left_out(selection.left_out)
    lines = lines_of(selection.chosen)
    registers = _registers(lines)
    is_live = not (once or as_json)
    if is_live:
        from regtap.watch.screen import check_terminal

        check_terminal()
    with contextlib.ExitStack() as stack:
        device = stack.enter_context(target.open(registers))
        presence = target.watch(device, registers)
        stack.callback(presence.close)
        _drop_root(user)
        items = [line.item for line in lines]
        values = stack.enter_context(LiveValues(device, items, rate_hz, is_device=target.is_device))
        looks = _Looks(values, History(lines), interval_s, stack.enter_context(EndSignals()))
        if not is_live:
            view = _print_json(looks, once=once) if as_json else _print_table(looks)
            code = ExitCode.OK
        else:
            again = OpenedTarget(target.spec, target, device)
            recorder = stack.enter_context(KeyRecorder(again, registers, rate_hz, output))
            view, code = _show(looks, recorder, target.spec, presence.changed)
    _raise_fault(view)
    return code


@dataclass(frozen=True, slots=True)
class _Looks:
    """Looks at a native loop, at an even interval.

    Attributes:
        values: The loop.
        history: Results of earlier looks.
        interval_s: Between two of them.
        signals: Signals that end the looks.
    """

    values: LiveValues
    history: History
    interval_s: float
    signals: EndSignals

    def views(self) -> Iterator[View]:
        """Yield a view after each interval until a signal comes; at least one."""
        due_s = time.monotonic()
        while True:
            due_s = max(due_s + self.interval_s, time.monotonic())
            while not self.signals.count and (rest_s := due_s - time.monotonic()) > 0:
                time.sleep(min(POLL_S, rest_s))
            yield self.history.add(self._look())
            if self.signals.count:
                return

    def _look(self) -> LiveLook:
        """Look once the loop has begun: on a busy machine an interval may pass before its first row."""
        look = self.values.look()
        while not (look.taken or any(it.is_faulted for it in look.activities) or self.signals.count):
            time.sleep(POLL_S)
            look = self.values.look()
        return look


def _rate_hz(text: str) -> Fraction:
    rate_hz = parse_rate_hz(text)
    if rate_hz is None:
        raise InputError("a watch reads at an even rate; give a number to --rate, such as 10k")
    return rate_hz


def _interval_s(text: str) -> float:
    interval_ns = parse_duration_ns(text)
    if not _SHORTEST_NS <= interval_ns <= _LONGEST_NS:
        raise InputError(f"an interval of {quoted(text)} suits no reader; give 20ms to 60s")
    return interval_ns / 1e9


def _registers(lines: Sequence[Line]) -> tuple[Register, ...]:
    """Return the registers of the lines, without repetitions.

    Raises:
        InputError: Two lines have the same name.
    """
    seen: set[str] = set()
    for line in lines:
        if line.is_part:
            continue
        if line.name in seen:
            raise InputError(f"{line.name} is named twice; give one another name (NAME=ADDRESS)")
        seen.add(line.name)
    return tuple({line.item.register.name: line.item.register for line in lines}.values())


def _drop_root(wanted: str | None) -> None:
    user = user_behind_root(wanted)
    if user is not None:
        become(user)
    elif os.geteuid() == 0:
        print_note("running as root to the end, and recordings will be root's; --user NAME changes that")


def _show(
    looks: _Looks, recorder: KeyRecorder, title: str, presence: Callable[[], str]
) -> tuple[View, ExitCode]:
    """Show the live table until its end; then print the results of recordings."""
    from regtap.watch.screen import Screen
    from regtap.watch.session import Session

    with Screen() as screen:
        session = Session(
            screen, looks.values, looks.history, recorder=recorder, title=title, presence=presence
        )
        try:
            view = session.run(looks.interval_s, lambda: looks.signals.count > 0)
        finally:
            recorder.close()
    for text in recorder.ended:
        print_line(text)
    return view, ExitCode.OK if recorder.is_clean else ExitCode.FINDING


def _print_table(looks: _Looks) -> View:
    """Print the table after one interval."""
    view = next(looks.views())
    look = Look(is_ascii=(sys.stdout.encoding or "").lower() != "utf-8")
    shown = [row for row in view.rows if not row.line.is_part]
    for spans in Table().lines(view, shown, _width(), look):
        print_line(plain_text(spans))
    return view


def _width() -> int:
    """Return the width of the terminal; a large number if the output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _NO_TERMINAL_COLUMNS


def _print_json(looks: _Looks, *, once: bool) -> View:
    """Print an object after each interval, on one line."""
    for view in looks.views():
        click.echo(json.dumps(_as_object(view)))
        if once:
            break
    return view


def _as_object(view: View) -> dict[str, object]:
    return {
        "elapsed_ns": view.elapsed_ns,
        "taken": view.taken,
        "missed": view.missed,
        "rate_hz": view.rate_hz,
        "registers": [_row_as_object(row) for row in view.rows if not row.line.is_part],
    }


def _row_as_object(row: Row) -> dict[str, object]:
    register, field = row.line.item.register, row.line.item.field
    activity = row.activity
    value = activity.value
    named: dict[str, object] = {"name": row.line.name, "address": register.address, "type": register.type}
    if field is None:
        named["fields"] = {} if value is None else register.decode(value)
        named["value_names"] = {} if value is None else value_names(register, value)
    else:
        named["bits"] = field.span
        named["value_name"] = (None if value is None else field.name_of(value)) or None
    is_known = value is not None
    return {
        **named,
        "value": value,
        "changes": row.new_changes,
        "all_changes": activity.changes,
        "changes_hz": row.rate_hz,
        "smallest": activity.smallest if is_known else None,
        "largest": activity.largest if is_known else None,
        "recent_smallest": activity.recent[0] if is_known else None,
        "recent_largest": activity.recent[1] if is_known else None,
        "unchanged_ns": activity.unchanged_ns if is_known else None,
        "is_faulted": activity.is_faulted,
    }


def _raise_fault(view: View) -> None:
    """Raise the bus error of the first faulted register at the end."""
    for row in view.rows:
        if row.activity.is_faulted:
            register = row.line.item.register
            raise BusFaultError(register.name, register.address)
