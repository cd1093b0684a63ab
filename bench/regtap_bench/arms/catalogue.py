"""The arms of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap_bench.arms.base import DELAY, EMPTY, TIMER, TWIN, AccessArm
from regtap_bench.arms.bulk_arms import bulk_arms
from regtap_bench.arms.native_arms import memory_arm, native_arm
from regtap_bench.arms.process_arm import devmem_arm
from regtap_bench.arms.python_arms import python_arms
from regtap_bench.arms.uring_arm import uring_arm

if TYPE_CHECKING:
    from collections.abc import Collection

    from regtap.registers.model import Register

LOAD, PREAD = "mmap load", "pread"
BASELINES = (PREAD, LOAD)  # in order of preference: not every target has system calls
_READS = (LOAD, PREAD, "lseek+read", "preadv2", "open+mmap+load")
WRITES = ("mmap store", "pwrite")
_MEMORY = (LOAD, PREAD)
_TYPES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}
# --quick: at most eight, controls apart.
_QUICK_PYTHON = ("python: memoryview", "python: os.pread", "python: regtap")
_QUICK_ON_A_BUS = ("lseek+read", "open+mmap+load", "python: regtap")


def catalogue(
    register: Register, *, is_device: bool, quick: bool, writes: bool, only: Collection[str] = ()
) -> dict[str, AccessArm]:
    """Return the arms of a run by name, in the order of the report; controls first.

    Args:
        register: The one that is read.
        is_device: A real bus lies behind the target: it is read in the register's own width only, and plain
            memory is measured beside it.
        quick: Few of them.
        writes: There is a register that may be written.
        only: Besides the controls, only these; empty: all.

    Raises:
        InputError: `only` names one that there is not.
    """
    controls = [native_arm(name) for name in (EMPTY, TIMER, DELAY)]
    python = python_arms()
    arms: list[AccessArm] = [*controls, python[0], native_arm(LOAD)]
    if (only or not quick) and not is_device:
        arms += [native_arm(LOAD, type_name=name) for name in _other_types(register)]
    arms += [native_arm(name) for name in _READS[1:]]
    if not quick:
        arms.append(uring_arm())
    if is_device:
        arms += [memory_arm(name) for name in _MEMORY]
    if writes and not quick:
        arms += [native_arm(name) for name in WRITES]
    arms += python[1:]
    if not quick:
        arms += [devmem_arm(register), *bulk_arms(register)]
    wanted = set(only) or (_quick_names(is_device=is_device) if quick else {arm.name for arm in arms})
    missing = sorted(set(only) - {arm.name for arm in arms if arm.kind != "control"})
    if missing:
        known = ", ".join(arm.name for arm in arms if arm.kind not in ("control", "bulk"))
        raise InputError(f"no arm of this target is called {missing[0]!r}; it has {known}")
    return {arm.name: arm for arm in arms if arm.kind == "control" or arm.name in wanted}


def twin_of(baseline: str) -> AccessArm:
    """Return the A/A twin of the baseline: the same work, so the same cost."""
    return native_arm(baseline, called=TWIN)


def _other_types(register: Register) -> list[str]:
    own = register.width_bytes
    return [name for name, width in _TYPES.items() if width != own and not register.address % width]


def _quick_names(*, is_device: bool) -> set[str]:
    if is_device:
        return {LOAD, PREAD, *_QUICK_ON_A_BUS, *(f"RAM: {name}" for name in _MEMORY)}
    return {*_READS, *_QUICK_PYTHON}
