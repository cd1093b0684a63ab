"""Rules about the needs of every capture: memory for the spool, and the packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.doctor.findings import Finding, ok, problem, warning
from regtap.spool.location import LEAST_BYTES, SHARED_MEMORY, SMALL_BYTES, default_spool_bytes
from regtap.units.format import count_of, format_size

if TYPE_CHECKING:
    from regtap.doctor.facts import Facts, SpoolSpace

_NEEDED = ("numpy",)
_OPTIONAL = {  # and what there is without each of them not
    "pyarrow": "no rows of a trace in Python, plot, demo and --compress zstd",
    "matplotlib": "no plot, demo and report",
}


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return a finding for each of them."""
    return tuple(rule(facts) for rule in (shared_memory, locked_memory, packages, platform))


def shared_memory(facts: Facts) -> Finding:
    """Whether /dev/shm takes a spool."""
    room, name = facts.room, SHARED_MEMORY
    if room.total_bytes is None:
        return problem(name, "absent", "no capture has a place for its ring", "mount a tmpfs on /dev/shm")
    state = f"{format_size(room.free_bytes)} of {format_size(room.total_bytes)} free"
    if room.spool_count:
        state += f", {format_size(room.spool_bytes)} held by {count_of(room.spool_count, 'spool')}"
    if not room.writable:
        return problem(name, state, f"closed to user {facts.process.user}: no capture", "chmod 1777 /dev/shm")
    size_bytes = _spool_bytes(room)
    spools = " (`regtap recover --list`)" if room.spool_count else ""
    remedy = f"free some{spools}, or mount it larger (docker: --shm-size)"
    if room.memory is not None and size_bytes < default_spool_bytes(room.free_bytes, None):
        state = f"{format_size(room.memory.available_bytes)} left by {room.memory.bound}"
        if size_bytes < SMALL_BYTES:
            remedy = "end other programs, raise the limit (docker: --memory), or give --spool-size"
    if size_bytes < LEAST_BYTES:
        return problem(name, state, "too small: a ring takes a quarter", remedy)
    meaning = f"a ring takes {format_size(size_bytes)}"
    if size_bytes < SMALL_BYTES:
        return warning(name, state, f"{meaning}, which is little", remedy)
    return ok(name, state, meaning)


def _spool_bytes(room: SpoolSpace) -> int:
    return default_spool_bytes(room.free_bytes, None if room.memory is None else room.memory.available_bytes)


def locked_memory(facts: Facts) -> Finding:
    """Whether the ring can be kept from being swapped out."""
    limit, name = facts.process.memlock_bytes, "RLIMIT_MEMLOCK"
    # A recorder that drops root raises the limit first, as far as it may (regtap.system.privileges).
    needed = "CAP_SYS_RESOURCE" if facts.process.drops_root else "CAP_IPC_LOCK"
    if limit is None or needed in facts.process.capabilities:
        return ok(name, "no limit for this process", "the ring is locked in memory")
    state = format_size(limit)
    if limit >= _spool_bytes(facts.room):
        return ok(name, state, "the ring is locked in memory")
    if not facts.room.has_swap:
        return ok(name, state, "less than the ring, but nothing is swapped here")
    return warning(
        name,
        state,
        "less than the ring, so it may be swapped out: holes in a capture",
        "ulimit -l unlimited (/etc/security/limits.conf: memlock), or swapoff -a",
    )


def packages(facts: Facts) -> Finding:
    """Judge the packages: whether those that regtap needs are installed."""
    state = " ".join(f"{name} {version}" for name, version in facts.versions.items() if version)
    missing = [name for name in _NEEDED if facts.versions.get(name) is None]
    if missing:
        return problem(
            "versions", state, f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}"
        )
    for name, lost in _OPTIONAL.items():
        if facts.versions.get(name) is None:
            return warning("versions", state, lost, f"pip install {name}")
    return ok("versions", state, "all there")


def platform(facts: Facts) -> Finding:
    """Whether regtap is made for this kind of machine."""
    state = f"Linux {facts.kernel.release} on {facts.machine}"
    if facts.byteorder != "little":
        return problem("machine", f"{state}, big-endian", "traces would be wrong", "use a little-endian one")
    return ok("machine", state, "little-endian, as traces are")
