"""The arms of the native core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from regtap_bench import _native
from regtap_bench.arms.base import LATENCY, THROUGHPUT, AccessArm, BlockRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from regtap_bench.arms.site import MappedRegister, Sites

_CALLS = {
    "pread": 1,
    "pwrite": 1,
    "preadv2": 1,
    "lseek+read": 2,
    "open+mmap+load": 4,  # the load is none
}


@dataclass(frozen=True)
class NativeArm(AccessArm):
    """An arm of the native core.

    Attributes:
        index: In _native.arms().
        needs: The requirement on the target.
        site: The mapping of its register.
    """

    index: int
    needs: _native.Needs
    site: Callable[[Sites], MappedRegister | None]
    type: str = ""

    @property
    def touches_mapping(self) -> bool:
        """Whether the arm reaches the register by a mapping."""
        return self.needs in (_native.Needs.mapping, _native.Needs.opening)

    def refusal(self, sites: Sites) -> str:
        """Return the reason for which this target cannot have the arm, or an empty text."""
        found = self.site(sites)
        if found is None:
            return "nothing to write to: allow it with --allow-write REGISTER"
        return found.calls_refused if self.needs == _native.Needs.calls else ""

    def block(self, sites: Sites, measure: str) -> BlockRunner:
        """Return the function to run a block of the arm; valid while the sites are open."""
        found = self.site(sites)
        assert found is not None, self.name  # noqa: S101 - refusal() said that there is one
        site, index, fenced = found.site, self.index, measure == LATENCY
        if self.type:
            from regtap.registers.model import Register

            site = sites.narrowed(Register("r", found.register.address, self.type))
        run = site.measure
        return lambda count: run(index, fenced, count)


class ControlArm(NativeArm):
    """An arm to check the instrument itself."""

    kind: ClassVar[str] = "control"


class MemoryArm(NativeArm):
    """An arm on plain memory, which has the software's cost and no bus."""

    kind: ClassVar[str] = "memory"


def native_arm(name: str, *, called: str = "", type_name: str = "") -> NativeArm:
    """Return an arm of the native core by its name there.

    Args:
        name: One of those of _native.arms().
        called: Another name for it, which makes it a control.
        type_name: Read by this type instead of the register's own.
    """
    index, arm = find_arm(name)
    controls = arm.needs == _native.Needs.nothing or called
    return (ControlArm if controls else NativeArm)(
        called or f"{name} {type_name}".strip(),
        arm.description,
        _measures(arm),
        _CALLS.get(name, 0),
        index,
        arm.needs,
        (lambda sites: sites.write) if arm.writes else (lambda sites: sites.read),
        type_name,
    )


def memory_arm(name: str) -> MemoryArm:
    """Return an arm on plain memory, as the baseline beside a device."""
    index, arm = find_arm(name)
    return MemoryArm(
        f"RAM: {name}",
        f"{arm.description}, of plain memory",
        _measures(arm),
        _CALLS.get(name, 0),
        index,
        arm.needs,
        lambda sites: sites.ram,
    )


def _measures(arm: _native.Arm) -> tuple[str, ...]:
    return (THROUGHPUT, LATENCY) if arm.has_latency else (THROUGHPUT,)


def find_arm(name: str) -> tuple[int, _native.Arm]:
    """Return the index of an arm in _native.arms(), and the arm."""
    return next((index, arm) for index, arm in enumerate(_native.arms()) if arm.name == name)
