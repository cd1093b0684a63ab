import enum


class BusFault(Exception):
    pass

class Site:
    """
    A register's window, mapped for the arms; the descriptor stays the caller's.
    """

    def __init__(self, fd: int, *, path: str, open_flags: int, map_offset: int, map_bytes: int, offset: int, width_bytes: int, writable: bool, bulk_bytes: int = 0) -> None: ...

    @property
    def value(self) -> int: ...

    @value.setter
    def value(self, arg: int, /) -> None: ...

    @property
    def address(self) -> int: ...

    def measure(self, arm: int, fenced: bool, count: int) -> tuple[int, int, int, int]:
        """(ticks, switches, faults, moves) of one block."""

    def time_delay_ns(self, count: int) -> int: ...

class Needs(enum.Enum):
    nothing = 0

    mapping = 1

    calls = 2

    opening = 3

class Arm:
    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def needs(self) -> Needs: ...

    @property
    def writes(self) -> bool: ...

    @property
    def has_latency(self) -> bool: ...

def arms() -> list[Arm]: ...

def try_uring() -> None:
    """Raises OSError where the kernel does not let io_uring be used."""

def set_delay_ticks(ticks: int) -> None: ...

UNROLL: int = 16

class Meter:
    """Times a block of Python."""

    def __init__(self) -> None: ...

    def begin(self) -> None: ...

    def end(self) -> tuple[int, int, int, int]:
        """(ticks, switches, faults, moves)"""

def let_parent_count() -> None: ...

def count_calls(child: int) -> int: ...
