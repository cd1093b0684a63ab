"""Register-map files of others: fetched from PyPI into an ignored cache, and counted in a second way."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

CACHE = Path(__file__).parents[2] / "build" / "maps"


@dataclass(frozen=True)
class Package:
    """A file of a package on PyPI; its content is known beforehand."""

    requirement: str
    file: str
    sha256: str
    options: tuple[str, ...] = ()

    def fetch(self) -> Path:
        """Return its path, after pip fetched it where it is not there yet."""
        path = CACHE / self.file
        if not path.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(CACHE)]
            done = subprocess.run(
                [*command, *self.options, self.requirement], capture_output=True, text=True, check=False
            )
            assert path.exists(), f"pip cannot fetch {self.requirement}: {done.stderr[-2000:]}"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256, path
        return path


SVDSUITE = Package(
    "svdsuite==0.2.2",
    "svdsuite-0.2.2.tar.gz",
    "2439c68a0f1fb7eb23c2fd070297e878f0fef5dc933f5cd906d25072016897bf",
    ("--no-binary", "svdsuite"),
)
PYOCD = Package(
    "pyocd==0.46.0",
    "pyocd-0.46.0-py3-none-any.whl",
    "f37c1ef65a1e78b42c9bccf4f34fbde98c4ea225e87534ee872e324aae230ba5",
)


DESYRDL = Package(
    "desyrdl==1.4.2",
    "desyrdl-1.4.2.tar.gz",
    "52d6f1c3b543df9c1cce498aad7d8b41dd4aca22d61317cb25aba1ec3b1056e6",
    ("--no-binary", "desyrdl"),
)


def unpack_desyrdl(folder: Path) -> Path:
    """Unpack desyrdl's source package, and return where its files are."""
    with tarfile.open(DESYRDL.fetch()) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.2 has none
        archive.extractall(folder)
    return folder / "desyrdl-1.4.2"


def conformance_files() -> dict[str, bytes]:
    """Return svdsuite's conformance files by their path under tests/svd."""
    found: dict[str, bytes] = {}
    with tarfile.open(SVDSUITE.fetch()) as archive:
        for member in archive:
            _, _, name = member.name.partition("/tests/svd/")
            file = archive.extractfile(member) if name.endswith(".svd") else None
            if file is not None:
                found[name] = file.read()
    return found


def vendor_files() -> Iterator[tuple[str, int, zipfile.ZipFile]]:
    """Yield name and size of each vendor's file in pyocd's wheel, the smallest first, and what reads it."""
    with zipfile.ZipFile(PYOCD.fetch()) as wheel:
        inner = zipfile.ZipFile(io.BytesIO(wheel.read("pyocd/debug/svd/svd_data.zip")))
    for info in sorted(inner.infolist(), key=lambda info: info.file_size):
        yield info.filename, info.file_size, inner


def independent_counts(content: bytes) -> tuple[int, int]:
    """Return how many registers and fields an SVD has, arrays expanded: by a few lines that share nothing."""
    _members.cache_clear()
    device = fromstring(content)
    # LPC43xx_svd_v5.svd has a block that is empty, also without a name.
    blocks = {_name(block): block for block in device.iter("peripheral") if _name(block)}
    registers = fields = 0
    for block in blocks.values():
        members = _members(block)
        base = blocks.get(block.get("derivedFrom", ""))
        while base is not None:
            members = {**_members(base), **members}
            base = blocks.get(base.get("derivedFrom", ""))
        dim = int(block.findtext("dim") or "1", 0)
        inside = [_counts(member, members, blocks) for member in members.values()]
        registers += dim * sum(count for count, _ in inside)
        fields += dim * sum(count for _, count in inside)
    return registers, fields


def _name(element: Element) -> str:
    return (element.findtext("name") or "").strip()


@cache
def _members(holder: Element) -> dict[object, Element]:
    """Return registers and clusters by name; those of one name all count."""
    found: dict[object, Element] = {}
    for child in [*holder.findall("registers/*"), *holder.findall("register"), *holder.findall("cluster")]:
        key = f"{_name(child)}_{child.findtext('alternateGroup')}"
        found[key if key not in found else (key, len(found))] = child
    return found


def _counts(element: Element, beside: dict[object, Element], blocks: dict[str, Element]) -> tuple[int, int]:
    dim = int(element.findtext("dim") or "1", 0)
    base = _base(element, beside, blocks)
    if element.tag == "register":
        found = _fields(element)
        while base is not None:
            found |= _fields(base)
            base = _base(base, beside, blocks)
        return dim, dim * len(found)
    members = {**(_members(base) if base is not None else {}), **_members(element)}
    inside = [_counts(member, members, blocks) for member in members.values()]
    return dim * sum(count for count, _ in inside), dim * sum(count for _, count in inside)


def _base(element: Element, beside: dict[object, Element], blocks: dict[str, Element]) -> Element | None:
    path = element.get("derivedFrom", "")
    if not path:
        return None
    *above, last = path.split(".")
    scope = _members(blocks[above[0]]) if above else beside
    return next(it for it in scope.values() if it is not element and _name(it) == last)


def _fields(register: Element) -> set[tuple[str, int, int]]:
    found = set()
    for index, field in enumerate(register.findall("fields/field")):
        found |= {(_name(field), index, k) for k in range(int(field.findtext("dim") or "1", 0))}
    return found
