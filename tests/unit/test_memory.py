"""What memory is left: the machine's, and what cgroups of both versions leave of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from regtap.errors import RefusedError
from regtap.recording.messages import small_spool_warnings
from regtap.spool.location import default_spool_bytes
from regtap.spool.size import check_memory
from regtap.system.memory import Memory, available_memory

MIB = 1 << 20
MEMINFO = "MemTotal: 1024 kB\nMemAvailable:  204800 kB\nSwapFree: 1024 kB\nHugePages_Total: 0\n"


def machine(root: Path, **files: str) -> str:
    """Lay out a root; a file's name has `__` for each slash."""
    for name, text in {"proc__meminfo": MEMINFO, **files}.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_without_cgroups_the_machine_is_the_bound(tmp_path: Path) -> None:
    assert available_memory(machine(tmp_path)) == Memory(200 * MIB, "the machine's memory", MIB)


def test_a_limit_of_version_2_is_the_bound(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        proc__self__cgroup="0::/box/inner\n",
        **{
            "sys__fs__cgroup__box__memory.max": str(160 * MIB),
            "sys__fs__cgroup__box__memory.current": str(100 * MIB),
            "sys__fs__cgroup__box__memory.stat": f"anon 1\ninactive_file {20 * MIB}\n",
            "sys__fs__cgroup__box__inner__memory.max": "max",
            "sys__fs__cgroup__box__inner__memory.current": "4096",
        },
    )
    assert available_memory(root) == Memory(80 * MIB, "a memory cgroup", MIB)


def test_a_limit_of_version_1_is_the_bound(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        proc__self__cgroup="5:devices:/\n4:cpu,memory:/box\n0::/\n",
        **{
            "sys__fs__cgroup__memory__box__memory.limit_in_bytes": str(60 * MIB),
            "sys__fs__cgroup__memory__box__memory.usage_in_bytes": str(50 * MIB),
            "sys__fs__cgroup__memory__memory.limit_in_bytes": "9223372036854771712",
            "sys__fs__cgroup__memory__memory.usage_in_bytes": "4096",
        },
    )
    assert available_memory(root) == Memory(10 * MIB, "a memory cgroup", MIB)


def test_in_a_container_the_mount_is_the_processs_own_cgroup(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        proc__self__cgroup="0::/not/visible/here\n",
        **{
            "sys__fs__cgroup__memory.max": str(30 * MIB),
            "sys__fs__cgroup__memory.current": str(10 * MIB),
        },
    )
    assert available_memory(root) == Memory(20 * MIB, "a memory cgroup", MIB)


@pytest.mark.parametrize("cgroup", ["", "nonsense", "::", "4:memory:/../../..", "0::/box\n0::"])
def test_a_cgroup_that_cannot_be_read_bounds_nothing(tmp_path: Path, cgroup: str) -> None:
    root = machine(tmp_path, proc__self__cgroup=cgroup)
    assert available_memory(root) == Memory(200 * MIB, "the machine's memory", MIB)


def test_a_kernel_that_says_nothing_bounds_nothing(tmp_path: Path) -> None:
    assert available_memory(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("free", "memory", "size"),
    [
        (8 << 30, None, 1 << 30),
        (8 << 30, 200 * MIB, 50 * MIB),
        (100 * MIB, 200 * MIB, 25 * MIB),
        (8 << 30, 8 << 30, 1 << 30),
    ],
)
def test_a_default_spool_takes_a_quarter_of_the_scarcer_one(free: int, memory: int | None, size: int) -> None:
    assert default_spool_bytes(free, memory) == size


def test_a_spool_that_memory_bounds_is_told_of() -> None:
    memory = Memory(200 * MIB, "a memory cgroup")
    assert "50 MiB, a quarter of what a memory cgroup leaves" in small_spool_warnings(50 * MIB, memory)[0]
    assert small_spool_warnings(1 << 30, Memory(8 << 30, "the machine's memory")) == []


def test_a_spool_that_does_not_fit_into_memory_is_refused() -> None:
    memory = Memory(100 * MIB, "a memory cgroup", swap_bytes=50 * MIB)
    check_memory(150 * MIB, memory)
    with pytest.raises(RefusedError, match="does not fit into the 100 MiB that a memory cgroup leaves"):
        check_memory(151 * MIB, memory)
