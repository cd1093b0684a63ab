"""`regtap record`: registers into a trace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from regtap.cli.capture_report import print_report
from regtap.cli.command import find_command, run_command
from regtap.cli.names import maps_of, note_left_out
from regtap.cli.options import allow_side_effects_option, map_option, target_option
from regtap.cli.output import ExitCode, print_note
from regtap.cli.progress import wait_with_progress
from regtap.cli.signals import EndSignals, SnapshotSignal, mark_signal, parse_snapshot_signal
from regtap.cli.viewer import Viewer, check_view
from regtap.errors import InputError
from regtap.maps.naming import whole_registers
from regtap.system.privileges import User, become, user_behind_root
from regtap.targets import parse_target
from regtap.trace.metadata import OnFull

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

    from regtap.recording.capture import Capture

_COMMAND = "regtap.command"
_WORDS = "regtap.words"  # of the command line
_DURABLE = "--durable"
_ON_CHANGE = "--on-change"


class _WithCommand(click.Command):
    """A command whose arguments end at `--`; the words after that are another command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        if "--" in args:
            at = args.index("--")
            args, ctx.meta[_COMMAND] = args[:at], args[at + 1 :]
        # click would take the word after an option whose value may be left out: a register, as a rule
        args = [f"{arg}=" if arg in (_DURABLE, _ON_CHANGE) else arg for arg in args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] REGISTER... -o DIR [-- COMMAND ...]")


@click.command(cls=_WithCommand, short_help="Record registers into a trace.")
@target_option
@map_option
@click.option(
    "-o", "--output", required=True, metavar="DIR", help="The trace: a folder that does not exist yet."
)
@click.option(
    "--rate", default="max", show_default=True, metavar="RATE", help="max, or samples a second (10k)."
)
@click.option("--duration", metavar="TIME", help="End after this time (2s, 500ms).")
@click.option(
    "--samples",
    metavar="N",
    help="End after this many samples (100k), stored or lost; missed slots do not count.",
)
@click.option(
    "--on-full",
    type=click.Choice([choice.value for choice in OnFull]),
    help="When the ring is full: pause, drop and count, end, or overwrite the oldest: a flight recorder.  "
    "[default: wait at max, else discard]",
)
@click.option(
    "--keep-last",
    metavar="TIME",
    help="With overwrite: keep this much (10s).  [default: what the spool holds]",
)
@click.option(
    "--snapshot-on",
    metavar="SIGNAL",
    help="With overwrite: store what is kept on each SIGUSR1 or SIGUSR2, not at the end only.",
)
@click.option(
    "--trigger",
    metavar="EXPRESSION",
    help="Store only what lies around its hits: 'STATUS.ERROR rises', 'LEVEL > 200 and BUSY == 1'.",
)
@click.option("--pre", metavar="TIME", help="With a trigger: store this much before a hit.  [default: 1s]")
@click.option("--post", metavar="TIME", help="With a trigger: and this much after it.  [default: 1s]")
@click.option("--captures", metavar="N", help="With a trigger: end after N stretches.  [default: go on]")
@click.option("--holdoff", metavar="TIME", help="With a trigger: only count hits so soon after another.")
@click.option("--trigger-run", metavar="PROGRAM", help="With a trigger: run this at each hit.")
@click.option("--latency", is_flag=True, help="Add latency_ns: from first to last access of each row.")
@click.option(
    "--spool-size", metavar="SIZE", help="Ring in shared memory (64MiB).  [default: as needed, up to 1GiB]"
)
@click.option("--compress", type=click.Choice(["none", "zstd"]), default="none", show_default=True)
@click.option(
    _DURABLE,
    metavar="[=TIME]",
    help="Survive a power loss: a journal beside the output, synced this often; without TIME: every second.",
)
@click.option(
    _ON_CHANGE,
    metavar="[=NAME,...]",
    help="Store a row only where a register, or one of these registers and fields, differs from the row before.",
)
@click.option("--heartbeat", metavar="TIME", help="With --on-change: store a row at least this often (1s).")
@click.option(
    "--keep-parts", metavar="N", help="Keep the last N parts only; older ones are removed, and counted."
)
@click.option("--keep-size", metavar="SIZE", help="The same by their size together (50GiB).")
@click.option("--cpu", type=int, metavar="N", help="CPU of the sampling thread.")
@click.option("--realtime", is_flag=True, help="SCHED_FIFO, and no deep sleep states.")
@click.option(
    "--strict-pace", is_flag=True, help="A missed slot is a finding (exit code 1), not a warning above 1 %."
)
@click.option(
    "--user", metavar="NAME", help="Become this user once the target is mapped.  [default: sudo's caller]"
)
@click.option(
    "--view", "is_viewed", is_flag=True, help="Show the capture in the browser while it runs, until Ctrl-C."
)
@allow_side_effects_option
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON, for programs; what COMMAND prints goes to stderr then.",
)
@click.argument("texts", metavar="REGISTER...", nargs=-1, required=True)
@click.pass_context
def record(
    ctx: click.Context,
    /,
    *,
    target_text: str,
    map_texts: tuple[str, ...],
    texts: tuple[str, ...],
    output: str,
    rate: str,
    duration: str | None,
    samples: str | None,
    on_full: str | None,
    keep_last: str | None,
    snapshot_on: str | None,
    trigger: str | None,
    pre: str | None,
    post: str | None,
    captures: str | None,
    holdoff: str | None,
    trigger_run: str | None,
    latency: bool,
    spool_size: str | None,
    compress: str,
    durable: str | None,
    on_change: str | None,
    heartbeat: str | None,
    keep_parts: str | None,
    keep_size: str | None,
    cpu: int | None,
    realtime: bool,
    strict_pace: bool,
    user: str | None,
    is_viewed: bool,
    allow_side_effects: bool,
    as_json: bool,
) -> int:
    """Read registers in a tight loop and store every sample.

    REGISTER is ADDRESS[:TYPE], NAME=ADDRESS[:TYPE], or a name or glob that a map or the target knows; each row
    reads them once, in this order. The capture ends after --duration or --samples, on Ctrl-C or SIGTERM, or with
    COMMAND, whose exit status is passed on if the capture is clean. COMMAND gets the signal too; another
    one, a second later, kills it.

    With --on-full overwrite nothing is stored but the last samples before the end, or before a signal; with --trigger
    nothing but what lies around the moments at which EXPRESSION becomes true.
    `regtap mark` names a moment of a capture that runs, and SIGUSR2 does so too, unless it asks for snapshots.
    """
    from regtap.recording.capture import Capture
    from regtap.recording.options import RecordOptions

    command = _command(ctx)
    target = parse_target(target_text)
    selection = target.names(maps_of(map_texts)).select(texts, allow_side_effects=allow_side_effects)
    registers = whole_registers(selection)
    note_left_out(selection.left_out)
    later_user = user_behind_root(user)
    snapshot_signal = _snapshot_signal(snapshot_on, on_full)
    if is_viewed:
        check_view(user, later_user, on_full)
    options = RecordOptions.parse(
        rate=rate,
        duration=duration,
        samples=samples,
        on_full=on_full,
        keep_last=keep_last,
        latency=latency,
        spool_size=spool_size,
        cpu=cpu,
        realtime=realtime,
        compress=compress,
        durable=durable is not None and (durable or True),  # without a time: every second
        on_change=on_change is not None and (on_change or True),
        heartbeat=heartbeat,
        keep_parts=keep_parts,
        keep_size=keep_size,
        trigger=trigger,
        pre=pre,
        post=post,
        holdoff=holdoff,
        captures=captures,
        trigger_run=trigger_run,
        before_output=None if later_user is None else lambda: become(later_user, realtime=realtime),
        command=("regtap", "record", *ctx.meta[_WORDS]),
    )
    _say_whose_files(later_user)
    capture = Capture(target, registers, output, options)
    with Viewer(output) as viewer:
        with mark_signal(capture, snapshot_signal), SnapshotSignal(capture, snapshot_signal):
            status = _run(capture, command, viewer.start if is_viewed else None, as_json=as_json)
        status = _report(capture, status, as_json=as_json, strict_pace=strict_pace)
        viewer.wait()
    return status


def _report(capture: Capture, status: int, *, as_json: bool, strict_pace: bool) -> int:
    """Print the summary of a capture that has ended; return the exit status, given the command's."""
    try:
        print_report(capture.summary, as_json=as_json, strict_pace=strict_pace)
    finally:  # a fault is to be heard of though the report cannot be printed
        capture.raise_fault()
    if not capture.summary.clean or (strict_pace and capture.summary.totals.missed):
        return ExitCode.FINDING
    return status


def _command(ctx: click.Context) -> list[str] | None:
    command: list[str] | None = ctx.meta.get(_COMMAND)
    if command is None:
        return None
    if not command:
        raise InputError("there is no command after --; name one, or leave -- out")
    return find_command(command)


def _snapshot_signal(name: str | None, on_full: str | None) -> signal.Signals | None:
    if name is None:
        return None
    if on_full != OnFull.OVERWRITE:
        raise InputError("--snapshot-on is for a flight recorder: add --on-full overwrite")
    return parse_snapshot_signal(name)


def _say_whose_files(user: User | None) -> None:
    if user is None and os.geteuid() == 0:
        print_note("running as root to the end, and the files will be root's; --user NAME changes that")


def _run(
    capture: Capture, command: list[str] | None, begun: Callable[[], None] | None, *, as_json: bool
) -> int:
    """Record to the end; return the command's exit status.

    Args:
        capture: Not yet started.
        command: What runs meanwhile; None: nothing does.
        begun: Called once the capture runs.
        as_json: Whether stdout is for JSON alone.
    """
    with EndSignals() as signals:
        capture.start()
        try:
            if begun is not None:
                begun()
            if command:
                return run_command(command, capture, signals, to_stderr=as_json)  # stdout is the JSON's
            return wait_with_progress(capture, signals)
        finally:
            capture.close()
