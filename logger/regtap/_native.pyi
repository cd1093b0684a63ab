from collections.abc import Callable, Sequence
import enum
from typing import Annotated

import numpy
from numpy.typing import NDArray


class Latch:
    """
    Opened once by one thread; others wait for that, and run no signal handler meanwhile.
    """

    def __init__(self) -> None: ...

    def open(self) -> None: ...

    @property
    def is_open(self) -> bool: ...

    def wait(self, timeout_ns: int = 18446744073709551615) -> bool:
        """Whether it is open; in a forked child at once."""

    def wait_or_signal(self, timeout_ns: int) -> bool:
        """
        The same; ends also where a signal was handled, save one that came just before.
        """

def call_then_open(function: Callable[[], object], done: Latch) -> None:
    """
    Call a function, and open the latch if it returns; nothing comes between the two.
    """

def end_and_join(started: Latch, asked: Latch, launched: Latch, ended: Latch) -> None:
    """
    Open `asked`; if `started` is open, wait for the others, and for the end of the threads that opened them.
    """

def run_then_open(function: Callable[[], None], first: Latch, second: Latch) -> None:
    """Call a function, and open the latches whatever it raises."""

class BusFault(Exception):
    pass

class Kind(enum.Enum):
    u8 = 0

    u16 = 1

    u32 = 2

    u64 = 3

    u16be = 4

    u32be = 5

    u64be = 6

class Window:
    """One mapped window of a descriptor, which stays the caller's."""

    def __init__(self, fd: int, *, offset: int, size: int, writable: bool) -> None: ...

    @property
    def size(self) -> int: ...

    def load(self, offset: int, width_bytes: int) -> int:
        """Exactly one volatile load."""

    def store(self, offset: int, width_bytes: int, *, value: int) -> None:
        """Exactly one volatile store."""

    def close(self) -> None: ...

def pread_register(fd: int, *, offset: int, width_bytes: int) -> int: ...

def pwrite_register(fd: int, *, offset: int, width_bytes: int, value: int) -> None: ...

SIMULATED_PAGE_BYTES: int = 4096

def run_simulator(fd: int, *, parent_pid: int) -> None: ...

class Source(enum.Enum):
    counter = 0

    fenced = 1

    system = 2

def best_source(is_device: bool) -> Source: ...

def source_name(source: Source) -> str: ...

def take_anchor(source: Source) -> tuple[int, int, int, int, int, int]:
    """
    (ticks, raw_ns, realtime_ns, monotonic_ns, boottime_ns, uncertainty_ticks)
    """

def frequency_hz(source: Source) -> float: ...

def slot_cost_ticks(source: Source) -> float:
    """What the schedule itself costs a paced row, measured now."""

def hypervisor_signature() -> str:
    """Empty where there is none to be seen."""

def convert_ticks(ticks: NDArray[numpy.uint64], ns: NDArray[numpy.int64], anchor_ticks: NDArray[numpy.uint64], anchor_ns: NDArray[numpy.int64], floor_ns: int) -> tuple[int, int]:
    """Fill ns; (last_ns, longest_ns)."""

class Operator(enum.Enum):
    equal = 0

    not_equal = 1

    less = 2

    at_most = 3

    greater = 4

    at_least = 5

    rises = 6

    falls = 7

    changes = 8

class Trigger:
    """A trigger over rows in arrays, judged one after the other."""

    def __init__(self, comparisons: Sequence[tuple[int, int, Operator, int]], alternatives: Sequence[int], registers: int) -> None:
        """
        A comparison is (register's number, mask, operator, value); bit k of an alternative is comparison k.
        """

    def judge(self, columns: Sequence[NDArray[numpy.unsignedinteger]]) -> list[int]:
        """The rows on which it strikes."""

    @property
    def held_at_start(self) -> bool: ...

class StretchEvent:
    @property
    def is_end(self) -> bool: ...

    @property
    def stretch(self) -> int: ...

    @property
    def index(self) -> int: ...

    @property
    def ticks(self) -> int: ...

    @property
    def sequence(self) -> int: ...

    @property
    def hits(self) -> int: ...

    @property
    def keep_from(self) -> int: ...

class OnFull(enum.Enum):
    wait = 0

    discard = 1

    stop = 2

    overwrite = 3

class Ended(enum.Enum):
    running = 0

    stopped = 1

    duration = 2

    samples = 3

    full = 4

    fault = 5

    captures = 6

class Disturbances:
    @property
    def minor_faults(self) -> int: ...

    @property
    def major_faults(self) -> int: ...

    @property
    def sleeps(self) -> int: ...

    @property
    def preemptions(self) -> int: ...

class Progress:
    @property
    def ended(self) -> Ended: ...

    @property
    def taken(self) -> int: ...

    @property
    def lost(self) -> int: ...

    @property
    def missed(self) -> int: ...

    @property
    def unchanged(self) -> int: ...

    @property
    def torn(self) -> int: ...

    @property
    def extra_loads(self) -> int: ...

    @property
    def due(self) -> int: ...

    @property
    def pauses(self) -> int: ...

    @property
    def throttled_ticks(self) -> int: ...

    @property
    def elapsed_ticks(self) -> int: ...

    @property
    def late_slots(self) -> int: ...

    @property
    def late_sum_ticks(self) -> int: ...

    @property
    def late_longest_ticks(self) -> int: ...

    @property
    def busy_ticks(self) -> int: ...

    @property
    def disturbances(self) -> Disturbances: ...

    @property
    def fault_channel(self) -> int: ...

    @property
    def cpu_errno(self) -> int: ...

    @property
    def priority_errno(self) -> int: ...

    @property
    def hits(self) -> int: ...

    @property
    def held_off(self) -> int: ...

    @property
    def stretches(self) -> int: ...

    @property
    def held_at_start(self) -> bool: ...

class Plan:
    def __init__(self) -> None: ...

    @property
    def source(self) -> Source: ...

    @source.setter
    def source(self, arg: Source, /) -> None: ...

    @property
    def on_full(self) -> OnFull: ...

    @on_full.setter
    def on_full(self, arg: OnFull, /) -> None: ...

    def set_period(self, *, numerator_ns: int, denominator: int) -> None:
        """Pace by an absolute schedule of this exact period."""

    @property
    def duration_ns(self) -> int: ...

    @duration_ns.setter
    def duration_ns(self, arg: int, /) -> None: ...

    @property
    def samples(self) -> int: ...

    @samples.setter
    def samples(self, arg: int, /) -> None: ...

    @property
    def seal_ns(self) -> int: ...

    @seal_ns.setter
    def seal_ns(self, arg: int, /) -> None: ...

    def set_on_change(self, masks: Sequence[int], heartbeat_ns: int) -> None:
        """Store rows where bits of a mask, one for each register, change."""

    def set_trigger(self, *, comparisons: Sequence[tuple[int, int, Operator, int]], alternatives: Sequence[int], pre_ns: int, post_ns: int, holdoff_ns: int, stretches: int, most_blocks: int) -> None:
        """Store stretches around the hits of a trigger, and no other rows."""

    @property
    def cpu(self) -> int: ...

    @cpu.setter
    def cpu(self, arg: int, /) -> None: ...

    @property
    def fifo_priority(self) -> int: ...

    @fifo_priority.setter
    def fifo_priority(self, arg: int, /) -> None: ...

class Sampler:
    """The sampling thread over a formatted spool."""

    def __init__(self, *, memory: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu')], channels: Sequence[tuple[Window, int, Kind]], plan: Plan, halves: Sequence[tuple[int, Window, int]] = []) -> None:
        """
        Halves: (number of a channel, window, offset) of the upper half of a register read in two.
        """

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self) -> None: ...

    def running(self) -> bool: ...

    def wait_sealed(self, seen: int, timeout_ns: int) -> int: ...

    def release(self, sequence: int) -> None: ...

    def seal(self) -> None: ...

    def hold(self, first: int) -> tuple[int, int]:
        """
        (oldest, sealed): blocks, from `first` on if none were held, that stay as they are until they are released.
        """

    def hold_newest(self, most: int) -> tuple[int, int]:
        """The same with the newest blocks, at most so many, if none were held."""

    def end_hold(self) -> None: ...

    def wait_stretch(self, seen: int, timeout_ns: int) -> None:
        """
        Wait for an event of a stretch, for a block beyond `seen`, or for the end.
        """

    def take_events(self) -> list[StretchEvent]: ...

    def settle(self, stretch: int) -> None:
        """This stretch is stored, and its blocks are released."""

    def progress(self) -> Progress: ...

SPOOL_VERSION: int = 2

SPOOL_PAGE_BYTES: int = 4096

SPARE_SHARE: int = 8

def prefault(memory: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def load_counter(memory: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu')], offset: int) -> int:
    """With acquire order."""

def format_spool(memory: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu')], *, kinds: Sequence[Kind], latency: bool, blocks: int, gap_capacity: int, document: bytes, owner_pid: int) -> int: ...

def sample_into(*, channels: Sequence[tuple[Window, int, Kind]], ticks: NDArray[numpy.uint64], values: Sequence[NDArray[numpy.unsignedinteger]], first: int, source: Source, slice_ns: int, last: int) -> tuple[int, int, int]:
    """(taken, fault_channel, last)"""

class Activity:
    @property
    def is_read(self) -> bool: ...

    @property
    def is_faulted(self) -> bool: ...

    @property
    def value(self) -> int: ...

    @property
    def changes(self) -> int: ...

    @property
    def smallest(self) -> int: ...

    @property
    def largest(self) -> int: ...

    @property
    def changed_ticks(self) -> int: ...

    @property
    def recent_smallest(self) -> int: ...

    @property
    def recent_largest(self) -> int: ...

class Look:
    @property
    def ticks(self) -> int: ...

    @property
    def taken(self) -> int: ...

    @property
    def missed(self) -> int: ...

    @property
    def activities(self) -> list[Activity]: ...

class Monitor:
    """The loop behind a live view: it counts, and stores nothing."""

    def __init__(self, *, channels: Sequence[tuple[Window, int, Kind]], probes: Sequence[tuple[int, int, int]], source: Source, numerator_ns: int, denominator: int) -> None:
        """A probe is (number of the channel, lowest bit, number of bits)."""

    def start(self) -> None: ...

    def take_row(self) -> None:
        """One row on this thread; only before start()."""

    def look(self) -> Look: ...

    def restart(self) -> None:
        """Counts begin anew with the next row."""

    def retry(self) -> None:
        """Read those again that had a bus error."""

    def stop(self) -> None: ...

class PartEncoder:
    """One part of a trace; the file of the descriptor stays the caller's."""

    def __init__(self, fd: int, *, time: str, registers: Sequence[tuple[str, Kind]], latency: str) -> None: ...

    def write(self, blocks: Sequence[Sequence[NDArray[numpy.unsignedinteger]]], anchor_ticks: NDArray[numpy.uint64], anchor_ns: NDArray[numpy.int64], floor_ns: int, latency_ns_per_tick: float) -> tuple[int, int, int]:
        """Write one row group; (first_ns, last_ns, longest_ns)."""

    def finish(self, created_by: str, metadata: Sequence[tuple[str, bytes]]) -> None: ...

    @property
    def bytes_written(self) -> int: ...
