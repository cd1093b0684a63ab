"""The options of a capture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral
from typing import TYPE_CHECKING, Self

from regtap.errors import InputError
from regtap.recording.command_words import bounded_words
from regtap.recording.on_change import OnChange
from regtap.recording.rotation import Limits
from regtap.recording.trigger_options import TriggerOptions
from regtap.sampling.plan import Plan, TriggerPlan
from regtap.spool.overwriting import most_kept
from regtap.spool.size import largest_spool_bytes
from regtap.trace.metadata import OnFull
from regtap.units import parse
from regtap.units.format import format_duration_ns, format_size
from regtap.units.values import to_duration_ns, to_rate_hz

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regtap.clock.source import Source
    from regtap.registers.model import Register
    from regtap.triggers.model import Trigger

COMPRESSION = ("none", "zstd")
_SEAL_SHARE_NS = 240 * 10**9  # over the number of blocks: half a ring lasts two minutes, twice a part's 60 s
_RING_NS = 120 * 10**9
_NEVER_NS = 10**17  # three years: where a block waits until it is full, or asked for
_NS_PER_S = 10**9
_LATE_NS = _NS_PER_S // 2  # by which a busy machine's writer may come late to a snapshot
_TRIGGER_STALL_NS = 10 * _NS_PER_S  # of the disk, while a stretch is stored
_JUDGED_SLACK = 2  # by which judging may make a row at full rate dearer: 16 comparisons about double it
_CHANGE_ROWS = (
    3  # in a block, of a capture of changes: one is stored, and two are kept free (core/changes.hpp)
)
_LEAST_CHANGE_ROWS = 256  # of such a ring, which has 32 blocks or 128
DURABLE_NS = _NS_PER_S  # how often `--durable` syncs
_SHORTEST_DURABLE_NS, _LONGEST_DURABLE_NS = 10_000_000, 60 * _NS_PER_S  # parts are closed every 60 s anyway


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """Options of a capture.

    Attributes:
        rate_hz: Samples per second on an absolute schedule; None: as fast as the bus allows.
        duration_ns: Ends after this time; None: until stopped.
        samples: Ends after this many samples taken, stored or lost (missed slots do not count); None: until stopped.
        on_full: The reaction to a full ring: `wait` (pause), `discard` (drop the newest and count them)
            or `stop`; `overwrite` is a flight recorder: it keeps the newest, and stores them when asked, or at
            the end. Empty: `wait` at full rate, `discard` when paced or with a trigger.
        keep_ns: With `overwrite`, how much to keep; None: all that the ring holds.
        latency: Record the time from first to last access of each row.
        spool_bytes: Size of the ring; None: what the capture needs, at most 1 GiB or a quarter of /dev/shm.
        cpu: The CPU of the sampling thread; None: one of this process's, kept free of the writer.
        realtime: SCHED_FIFO and no deep sleep states.
        compression: `none` or `zstd`.
        durable_ns: Time from one sync of the journal to the next; None: there is no journal.
        on_change: Store rows only where something changes; None: every row.
        keep_parts: Number of last parts to keep; older parts are removed, and counted as rotated. None: all.
        keep_bytes: Size of the last parts to keep, in bytes; older parts likewise. None: any.
        trigger: Store by itself what lies around hits, and no other rows; None: every row, or what is asked for.
        before_output: Called once everything that needs privilege is open, before any file is made.
        command: The command line that makes the capture, for the trace; empty: there is none.
    """

    rate_hz: Fraction | None = None
    duration_ns: int | None = None
    samples: int | None = None
    on_full: str = ""
    keep_ns: int | None = None
    latency: bool = False
    spool_bytes: int | None = None
    cpu: int | None = None
    realtime: bool = False
    compression: str = "none"
    durable_ns: int | None = None
    on_change: OnChange | None = None
    keep_parts: int | None = None
    keep_bytes: int | None = None
    trigger: TriggerOptions | None = None
    before_output: Callable[[], None] | None = None
    command: tuple[str, ...] = ()

    @classmethod
    def parse(  # noqa: PLR0913 - one keyword for each option of `regtap record`
        cls,
        *,
        rate: str | float | Fraction = "max",
        duration: str | float | None = None,
        samples: str | int | None = None,
        on_full: str | None = None,
        keep_last: str | float | None = None,
        latency: bool = False,
        spool_size: str | int | None = None,
        cpu: int | None = None,
        realtime: bool = False,
        compress: str = "none",
        durable: bool | str | float = False,
        on_change: bool | str | Sequence[str] = False,
        heartbeat: str | float | None = None,
        keep_parts: str | int | None = None,
        keep_size: str | int | None = None,
        trigger: str | None = None,
        pre: str | float | None = None,
        post: str | float | None = None,
        holdoff: str | float | None = None,
        captures: str | int | None = None,
        trigger_run: str | None = None,
        before_output: Callable[[], None] | None = None,
        command: Sequence[str] = (),
    ) -> Self:
        """Return options from texts or numbers; regtap.record describes each of them.

        Raises:
            InputError: A value cannot be read, or two of them contradict each other.
        """
        return cls(
            rate_hz=to_rate_hz(rate),
            duration_ns=None if duration is None else to_duration_ns(duration),
            samples=None if samples is None else parse.parse_count(str(samples)),
            on_full=on_full or "",
            keep_ns=None if keep_last is None else to_duration_ns(keep_last),
            latency=latency,
            spool_bytes=None if spool_size is None else parse.parse_size_bytes(str(spool_size)),
            cpu=cpu,
            realtime=realtime,
            compression=compress,
            durable_ns=_durable_ns(durable),
            on_change=_on_change(on_change, heartbeat),
            keep_parts=None if keep_parts is None else parse.parse_count(str(keep_parts)),
            keep_bytes=None if keep_size is None else parse.parse_size_bytes(str(keep_size)),
            trigger=TriggerOptions.parse(
                trigger, pre=pre, post=post, holdoff=holdoff, captures=captures, program=trigger_run
            ),
            before_output=before_output,
            command=bounded_words(command),
        )

    def __post_init__(self) -> None:
        if not self.on_full:
            waits = self.rate_hz is None and self.trigger is None
            object.__setattr__(self, "on_full", OnFull.WAIT if waits else OnFull.DISCARD)
        if self.on_full not in list(OnFull):
            raise InputError(
                f"unknown choice {self.on_full!r} for a full ring; use one of {', '.join(OnFull)}"
            )
        if self.keep_ns is not None and not self.overwrites:
            raise InputError("how much to keep is for a flight recorder: add --on-full overwrite")
        if self.compression not in COMPRESSION:
            raise InputError(f"unknown compression {self.compression!r}; use one of {', '.join(COMPRESSION)}")
        if self.rate_hz is not None:
            parse.check_rate_hz(self.rate_hz)
        if self.cpu is not None and (isinstance(self.cpu, bool) or not isinstance(self.cpu, Integral)):
            raise InputError(f"a CPU is a number, not {self.cpu!r}; write cpu=3")
        for name in ("duration_ns", "samples", "keep_ns", "spool_bytes", "keep_parts", "keep_bytes"):
            parse.check_count(getattr(self, name), name)
        self._check_limits()
        self._check_trigger()
        if self.on_change is not None and self.overwrites:
            raise InputError(
                "a flight recorder overwrites what it takes, and --on-change stores it as it comes; choose one of them"
            )
        self._check_journal()

    def _check_limits(self) -> None:
        most_block_bytes = self.most_block_bytes  # which checks the limits themselves
        if most_block_bytes is None or self.spool_bytes is None:
            return
        largest = largest_spool_bytes(most_block_bytes)
        if self.spool_bytes > largest:
            raise InputError(
                f"a spool of {format_size(self.spool_bytes)} is handed over in pieces too large to keep only "
                f"{format_size(self.keep_bytes or 0)}; give a --spool-size of {format_size(largest)} at most, or a "
                "larger --keep-size"
            )

    def _check_trigger(self) -> None:
        if self.trigger is not None and self.overwrites:
            raise InputError(
                "a trigger stores by itself, and a flight recorder when it is asked; leave out --on-full overwrite, "
                "and give --pre for --keep-last"
            )

        if self.trigger is not None and self.on_change is not None:
            raise InputError(
                "a trigger overwrites what lies around no hit, and --on-change stores each change; choose one of them"
            )

    def _check_journal(self) -> None:
        if self.durable_ns is None:
            return
        if self.overwrites or self.trigger is not None:
            choice = "--on-full overwrite" if self.overwrites else "--trigger"
            raise InputError(
                f"a journal keeps every sample, and {choice} overwrites them; choose it or --durable"
            )
        if not _SHORTEST_DURABLE_NS <= self.durable_ns <= _LONGEST_DURABLE_NS:
            raise InputError(
                f"a journal cannot be synced every {self.durable_ns / _NS_PER_S:g} s; use 10ms to 60s"
            )

    @property
    def overwrites(self) -> bool:
        """Whether the capture is a flight recorder, which stores what it is asked for."""
        return self.on_full == OnFull.OVERWRITE

    @property
    def limits(self) -> Limits | None:
        """How much is kept of a capture that rotates; else None."""
        if self.keep_parts is None and self.keep_bytes is None:
            return None
        return Limits(self.keep_parts, self.keep_bytes)

    @property
    def most_block_bytes(self) -> int | None:
        """Size of the spool's blocks at most, of which parts are made; None: any."""
        return None if self.limits is None else self.limits.part_bytes

    def most_waiting_rows(self) -> int | None:
        """Return the largest number of rows that may wait in the ring; None: only the bus decides.

        That is all of them, or as many as a schedule makes in the time that is to be kept, or in twice that of a
        part.
        """
        slots = None
        if self.rate_hz is not None:
            wanted_ns = self._wanted_ns()
            span_ns = min(self.duration_ns or wanted_ns, wanted_ns)
            slots = -(-span_ns * self.rate_hz.numerator // (_NS_PER_S * self.rate_hz.denominator))
        known = [rows for rows in (slots, self.samples) if rows is not None]
        rows = min(known) if known else None
        return rows if rows is None or self.on_change is None else max(rows, _LEAST_CHANGE_ROWS)

    def _wanted_ns(self) -> int:
        """Return for how long rows may have to wait in the ring of a paced capture."""
        if self.trigger is not None:
            return self.trigger.pre_ns + _TRIGGER_STALL_NS
        return _RING_NS if self.keep_ns is None else self.keep_ns + _LATE_NS

    def plan(
        self,
        source: Source,
        block_count: int,
        cpu: int | None,
        registers: Sequence[Register] = (),
        trigger: Trigger | None = None,
    ) -> Plan:
        """Return the orders of the native loop.

        Args:
            source: The counter that ticks come from.
            block_count: Blocks of the ring.
            cpu: The CPU of the loop; None: any.
            registers: In the order of access.
            trigger: The trigger, parsed; None: there is none.
        """
        return Plan(
            source=source,
            on_full=OnFull(self.on_full),
            seal_ns=self._seal_ns(block_count),
            rate_hz=self.rate_hz,
            duration_ns=self.duration_ns,
            samples=self.samples,
            cpu=cpu,
            realtime=self.realtime,
            masks=() if self.on_change is None else tuple(self.on_change.masks(registers)),
            heartbeat_ns=None if self.on_change is None else self.on_change.heartbeat_ns,
            trigger=self._trigger_plan(trigger, block_count),
        )

    def _trigger_plan(self, trigger: Trigger | None, block_count: int) -> TriggerPlan | None:
        asked = self.trigger
        if trigger is None or asked is None:
            return None
        return TriggerPlan(
            trigger=trigger,
            pre_ns=asked.pre_ns,
            post_ns=asked.post_ns,
            holdoff_ns=asked.holdoff_ns,
            captures=asked.captures,
            most_blocks=most_kept(block_count),
        )

    def check_kept_rows(
        self, block_count: int, rows_per_block: int, row_cost_ns: float | None = None
    ) -> None:
        """Check that the ring is large enough for the time that is to be kept.

        Args:
            block_count: Blocks of the ring.
            rows_per_block: Rows of each.
            row_cost_ns: Time of a row at full rate, where it was measured: a pre-trigger of more than twice what the
                ring holds then is refused. Judging a row may double its time, so that less is not known before.

        Raises:
            InputError: It is too small.
        """
        if self.on_change is not None and rows_per_block < _CHANGE_ROWS:
            raise InputError("this spool has no room for three rows in a block; give a larger --spool-size")
        holds = most_kept(block_count) * rows_per_block
        if self.samples is not None and self.samples <= holds:
            return  # no time holds more than all of them
        if self.trigger is not None:
            self._check_pre_trigger(self.trigger.pre_ns, holds, row_cost_ns)
        elif self.keep_ns is not None and self.rate_hz is not None:
            held_ns = holds * _NS_PER_S / self.rate_hz
            if self._within_duration(self.keep_ns) > held_ns:
                held_s = float(held_ns) / _NS_PER_S
                raise InputError(
                    f"this spool keeps {held_s:.3g} s only at this rate; give a larger --spool-size"
                )

    def _check_pre_trigger(self, pre_ns: int, holds: int, row_cost_ns: float | None) -> None:
        if self.rate_hz is not None:
            held_ns = most_ns = holds * _NS_PER_S / self.rate_hz
        elif row_cost_ns is not None:
            held_ns = Fraction(holds * row_cost_ns)
            most_ns = _JUDGED_SLACK * held_ns
        else:
            return
        if self._within_duration(pre_ns) > most_ns:
            where = "at full rate" if self.rate_hz is None else "at this rate"
            slower = ", or a --rate" if self.rate_hz is None else ""
            raise InputError(
                f"this spool holds a pre-trigger of {format_duration_ns(int(held_ns))} only {where}, not "
                f"{format_duration_ns(pre_ns)}; give a shorter --pre, a larger --spool-size{slower}"
            )

    @property
    def unchecked_pre_ns(self) -> int | None:
        """The pre-trigger of a capture whose rate only its loop tells; None: there is none, or it was checked."""
        if self.trigger is None or self.rate_hz is not None:
            return None
        return self._within_duration(self.trigger.pre_ns)

    def _within_duration(self, wanted_ns: int) -> int:
        return min(wanted_ns, self.duration_ns or wanted_ns)

    def _seal_ns(self, block_count: int) -> int:
        """Return the longest time from a block's first row until the block is sealed, in ns.

        A flight recorder's blocks are sealed so seldom that the ring holds a third more than the time to be kept,
        whatever the rate turns out to be, and at least half a second more. With a trigger a block is sealed where a
        stretch ends.
        """
        if self.trigger is not None:
            return _NEVER_NS
        if not self.overwrites:
            return _SEAL_SHARE_NS // block_count
        if self.keep_ns is None:
            return _NEVER_NS
        return max(4 * self.keep_ns // 3, self.keep_ns + _LATE_NS) // block_count


def _durable_ns(durable: bool | str | float) -> int | None:
    if isinstance(durable, bool):
        return DURABLE_NS if durable else None
    return to_duration_ns(durable)


def _on_change(on_change: bool | str | Sequence[str], heartbeat: str | float | None) -> OnChange | None:
    if on_change is False:
        if heartbeat is not None:
            raise InputError("a heartbeat is for a capture of changes: add --on-change")
        return None
    heartbeat_ns = None if heartbeat is None else to_duration_ns(heartbeat)
    if on_change is True:
        return OnChange((), heartbeat_ns)
    names = on_change.split(",") if isinstance(on_change, str) else on_change
    if not names:
        raise InputError("nothing is named that is to change; write --on-change, or --on-change=NAME,...")
    return OnChange(tuple(names), heartbeat_ns)
