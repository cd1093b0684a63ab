"""The initial file system of a guest: busybox, the init script, and the kernel modules that reach the root."""

from __future__ import annotations

import gzip
import lzma
import re
import stat
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

_FOLDERS = ("bin", "dev", "proc", "sys", "lower", "share", "writable", "root", "modules")
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def build(kernel: Path, busybox: Path, init: str, modules: Sequence[str]) -> bytes:
    """Return a gzipped cpio archive.

    Args:
        kernel: Folder of an unpacked kernel package.
        busybox: A static busybox for the guest's processor.
        init: Text of the first process.
        modules: Names of the modules to load; what they depend on comes along. Those that are built into the
            kernel are left out.
    """
    ordered = list(_in_order(kernel, modules))
    archive = b"".join(
        [
            *(_member(name, stat.S_IFDIR | 0o755) for name in _FOLDERS),
            _member("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes()),
            _member("init", stat.S_IFREG | 0o755, init.encode()),
            _member("modules/order", stat.S_IFREG | 0o644, "\n".join(ordered).encode()),
            *(
                _member(f"modules/{name}.ko", stat.S_IFREG | 0o644, _module(kernel, name) or b"")
                for name in ordered
            ),
            _member("TRAILER!!!", 0),
        ]
    )
    return gzip.compress(archive, compresslevel=1)


def _in_order(kernel: Path, names: Sequence[str]) -> Iterator[str]:
    """Yield the modules and all that they depend on, each once, dependencies first."""
    seen: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        data = _module(kernel, name)
        if name in seen or data is None:
            return
        seen.add(name)
        found = _DEPENDS.search(data)
        for needed in found[1].decode().split(",") if found and found[1] else ():
            yield from visit(needed.replace("-", "_"))
        yield name

    for name in names:
        yield from visit(name)


@cache
def _module(kernel: Path, name: str) -> bytes | None:
    """Return a module's code, or None where it is built into the kernel.

    Raises:
        FileNotFoundError: The kernel has no such module.
    """
    path = _modules(kernel).get(name)
    if path is None:
        built_in = next(kernel.glob("lib/modules/*/modules.builtin")).read_text()
        if re.search(rf"/{name.replace('_', '[-_]')}\.ko$", built_in, re.MULTILINE):
            return None
        raise FileNotFoundError(f"the kernel in {kernel} has no module {name}")
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


@cache
def _modules(kernel: Path) -> dict[str, Path]:
    return {
        path.name.split(".")[0].replace("-", "_"): path
        for path in kernel.glob("lib/modules/*/kernel/**/*.ko*")
    }


def _member(name: str, mode: int, data: bytes = b"") -> bytes:
    """Return one file of a cpio archive in the `newc` format (cpio(5))."""
    encoded = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
