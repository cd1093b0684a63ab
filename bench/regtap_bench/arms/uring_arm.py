"""The io_uring arm: reads in batches, one system call a batch, if the kernel permits io_uring."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, ClassVar

from regtap_bench import _native
from regtap_bench.arms.base import SLOW, THROUGHPUT
from regtap_bench.arms.native_arms import NativeArm, find_arm

if TYPE_CHECKING:
    from regtap_bench.arms.site import Sites

IO_URING = "io_uring"
_BATCH = 16  # as the native core has it
_SYSCTL = "/proc/sys/kernel/io_uring_disabled"
# By what the sysctl says; 0, or a kernel older than it (6.6), leaves a filter.
_FORBIDDEN_BY = {
    "1": "kernel.io_uring_disabled = 1 allows it to kernel.io_uring_group and CAP_SYS_ADMIN only",
    "2": "kernel.io_uring_disabled = 2",
}
_FILTERED = "a seccomp filter forbids it, as containers have"


class UringArm(NativeArm):
    """Reads of the register, 16 in one system call."""

    # The kernel may read in threads of its own, which share the process's files and make its other calls dearer.
    cadence: ClassVar[str] = SLOW

    def refusal(self, sites: Sites) -> str:
        """Return the reason for which this target cannot have the arm, or an empty text."""
        return super().refusal(sites) or _refusal_of_kernel()


def uring_arm() -> UringArm:
    """Return the arm."""
    index, arm = find_arm(IO_URING)
    return UringArm(
        IO_URING,
        arm.description,
        (THROUGHPUT,),
        1 / _BATCH,
        index,
        arm.needs,
        lambda sites: sites.read,
    )


def _refusal_of_kernel(sysctl: str = _SYSCTL) -> str:
    try:
        _native.try_uring()
    except OSError as error:
        return _reason(error.errno or 0, sysctl)
    return ""


def _reason(code: int, sysctl: str) -> str:
    """Return the kernel's reason for refusing io_uring_setup.

    Args:
        code: Its errno.
        sysctl: The file of kernel.io_uring_disabled.
    """
    if code == errno.ENOSYS:
        return f"this kernel has no io_uring ({os.strerror(code)})"
    if code != errno.EPERM:
        return f"io_uring_setup: {os.strerror(code)}"
    try:
        with open(sysctl, encoding="ascii") as file:
            cause = _FORBIDDEN_BY.get(file.read().strip(), _FILTERED)
    except OSError:
        cause = _FILTERED
    return f"io_uring_setup: {os.strerror(code)}: {cause}"
