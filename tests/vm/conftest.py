"""The guests: each boots once for all the tests that judge what it left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.vm import scenes
from tests.vm.cache import AMD64, ARM64, ARMHF, RUNS
from tests.vm.guest import Run

_SCENES: dict[str, Callable[[Path], Run]] = {
    "devices": scenes.devices,
    "refusals": scenes.refusals,
    "relaxed": scenes.relaxed,
    "going": scenes.going,
    "arm": scenes.arm,
    "armhf": scenes.armhf,
}
Boots = dict[str, Future[Run]]
_AT_ONCE = 2  # emulation is slow, and idle guests cost nothing


@pytest.fixture(scope="session")
def _boots(request: pytest.FixtureRequest) -> Iterator[Boots]:
    """Boot every guest that a collected test asks for."""
    if not all((folder / ".complete").exists() for folder in (AMD64, ARM64, ARMHF)):
        pytest.exit("the guests are not prepared; type: make test-vm", returncode=1)
    needed = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {
            name: pool.submit(scene, _empty(RUNS / name)) for name, scene in _SCENES.items() if name in needed
        }


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def devices(_boots: Boots) -> Run:
    """x86: HPET, edu, ivshmem and reserved RAM, with the bus log on."""
    return _boots["devices"].result()


@pytest.fixture(scope="session")
def refusals(_boots: Boots) -> Run:
    """x86: everything that the kernel may refuse, and what becomes of root."""
    return _boots["refusals"].result()


@pytest.fixture(scope="session")
def relaxed(_boots: Boots) -> Run:
    """x86 with iomem=relaxed."""
    return _boots["relaxed"].result()


@pytest.fixture(scope="session")
def going(_boots: Boots) -> Run:
    """x86: a device that is unbound, claimed, disabled and removed while it is recorded."""
    return _boots["going"].result()


@pytest.fixture(scope="session")
def arm(_boots: Boots) -> Run:
    """aarch64: the virt board."""
    return _boots["arm"].result()


@pytest.fixture(scope="session")
def armhf(_boots: Boots) -> Run:
    """32-bit ARM: the virt board, where there is no pyarrow."""
    return _boots["armhf"].result()
