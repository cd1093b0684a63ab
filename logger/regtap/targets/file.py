"""A regular file, a file on /dev/shm, or a device node with mmap."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from regtap.errors import InputError
from regtap.targets import refusals
from regtap.targets.node import Extent, NodeTarget
from regtap.units.parse import quoted

_PREFIX = "file:"


@dataclass(frozen=True)
class FileTarget(NodeTarget):
    """Addresses are offsets in a file; its exact size bounds them.

    A regular file is RAM behind a device's interface: its costs are not those of a bus.

    Attributes:
        path: The file.
    """

    path: str

    @classmethod
    def from_spec(cls, spec: str) -> FileTarget:
        """Parse `file:PATH`.

        Raises:
            InputError: The path is missing.
        """
        path = spec.removeprefix(_PREFIX)
        if not path or "\0" in path:
            raise InputError(f"{quoted(spec)} names no file; write file:PATH")
        return cls(spec, path)

    @property
    def is_device(self) -> bool:
        """Whether the path is a device node."""
        try:
            return stat.S_ISCHR(os.stat(self.path).st_mode)
        except OSError:
            return False

    def _extent(self) -> Extent:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise refusals.at_open(self.path, error, writable=False) from error
        if stat.S_ISREG(status.st_mode):
            return Extent(self.path, status.st_size, sync=False, has_syscalls=True)
        if stat.S_ISCHR(status.st_mode):  # a device does not tell its size
            return Extent(self.path, 2**63, sync=True, has_syscalls=True)
        raise InputError(f"{quoted(self.path)} is neither a file nor a device that can be mapped; name one")
