"""What the system says became of a device, with trees of files in the place of /sys and /proc."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from regtap.recording import watcher
from regtap.recording.watcher import Watcher
from regtap.targets.presence import MemPresence, PciPresence, Presence, UioPresence

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "0000:00:04.0"
DECODING = bytes((0x34, 0x12, 0xE8, 0x11, 0x07, 0x00))
IOMEM = f"""00000000-00000fff : Reserved
fe000000-febfffff : PCI Bus 0000:00
  fea00000-feafffff : {ADDRESS}
fed00000-fed003ff : HPET 0
"""
IN_BAR = [(0xFEA00000, 0xFEA00004)]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A PCI device without a driver: enabled, awake, decoding."""
    folder = tmp_path / "devices" / ADDRESS
    folder.mkdir(parents=True)
    (folder / "enable").write_text("1\n")
    (folder / "power_state").write_text("D0\n")
    (folder / "config").write_bytes(DECODING)
    return folder


def _bind(device: Path, driver: str) -> None:
    (device / "driver").symlink_to(f"../../drivers/{driver}")


def test_a_device_as_it_was_has_not_changed(device: Path) -> None:
    assert PciPresence(ADDRESS, str(device.parent)).changed() == ""


def test_a_device_that_was_never_there_is_not_said_to_be_gone(tmp_path: Path) -> None:
    assert PciPresence(ADDRESS, str(tmp_path)).changed() == ""


def test_a_removed_device_is_seen(device: Path) -> None:
    presence = PciPresence(ADDRESS, str(device.parent))
    shutil.rmtree(device)

    assert presence.changed() == "was removed"


def test_a_device_that_was_found_again_is_another_one(device: Path) -> None:
    presence = PciPresence(ADDRESS, str(device.parent))
    device.rename(device.with_name("gone"))
    device.mkdir()

    assert presence.changed() == "was removed"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("enable", b"0\n", "was disabled (enable is 0)"),
        ("power_state", b"D3hot\n", "fell asleep (D3hot)"),
        (
            "config",
            DECODING[:4] + b"\x05\0",
            "was disabled (its command register no longer decodes memory)",
        ),
    ],
)
def test_a_device_that_no_longer_answers_is_seen(device: Path, name: str, content: bytes, said: str) -> None:
    presence = PciPresence(ADDRESS, str(device.parent))
    (device / name).write_bytes(content)

    assert presence.changed() == said


def test_a_driver_that_claims_a_device_is_named(device: Path) -> None:
    presence = PciPresence(ADDRESS, str(device.parent))
    _bind(device, "hilscher")

    assert presence.changed() == "is claimed by the driver hilscher"


def test_a_driver_that_lets_a_device_go_is_named(device: Path) -> None:
    _bind(device, "hilscher")
    presence = PciPresence(ADDRESS, str(device.parent))
    (device / "driver").unlink()

    assert presence.changed() == "was unbound from its driver hilscher"


@pytest.fixture
def uio(device: Path, tmp_path: Path) -> Path:
    """A UIO device of the PCI device."""
    _bind(device, "uio_pci_generic")
    folder = tmp_path / "uio" / "uio0"
    folder.mkdir(parents=True)
    (folder / "device").symlink_to(device)
    return folder


@pytest.mark.parametrize(
    ("driver", "said"),
    [("", "was unbound from UIO"), ("edu", "was unbound from UIO, and is claimed by the driver edu")],
)
def test_an_unbound_uio_device_is_seen(device: Path, uio: Path, driver: str, said: str) -> None:
    presence = UioPresence(str(uio))
    shutil.rmtree(uio)
    (device / "driver").unlink()
    if driver:
        _bind(device, driver)

    assert presence.changed() == said


def test_a_uio_device_goes_with_its_device(device: Path, uio: Path) -> None:
    presence = UioPresence(str(uio))
    shutil.rmtree(uio)
    shutil.rmtree(device)

    assert presence.changed() == "was removed"


def test_a_uio_device_that_is_disabled_is_seen(device: Path, uio: Path) -> None:
    presence = UioPresence(str(uio))
    (device / "enable").write_text("0\n")

    assert presence.changed() == "was disabled (enable is 0)"


@pytest.fixture
def memory(device: Path, tmp_path: Path) -> tuple[MemPresence, Path]:
    """Addresses of the device's BAR, and the kernel's list."""
    iomem = tmp_path / "iomem"
    iomem.write_text(IOMEM)
    return MemPresence(IN_BAR, str(iomem), str(device.parent)), iomem


def test_addresses_as_they_were_have_not_changed(memory: tuple[MemPresence, Path]) -> None:
    assert memory[0].changed() == ""
    memory[0].close()
    memory[0].close()


def test_a_driver_that_claims_addresses_is_named(memory: tuple[MemPresence, Path]) -> None:
    presence, iomem = memory
    iomem.write_text(IOMEM.replace(f"{ADDRESS}\n", f"{ADDRESS}\n    fea00000-feafffff : hilscher\n"))

    assert presence.changed() == "is claimed by 'hilscher'"


def test_addresses_lose_their_device(memory: tuple[MemPresence, Path], device: Path) -> None:
    shutil.rmtree(device)

    assert memory[0].changed() == f"lost its device: {ADDRESS} was removed"


def test_addresses_that_the_kernel_hides_have_not_changed(tmp_path: Path) -> None:
    iomem = tmp_path / "iomem"
    iomem.write_text("00000000-00000000 : HPET 0\n")
    presence = MemPresence(IN_BAR, str(iomem), str(tmp_path))

    assert presence.changed() == ""
    assert MemPresence(IN_BAR, str(tmp_path / "absent"), str(tmp_path)).changed() == ""


class _Played(Presence):
    """A device that becomes what a test says."""

    def __init__(self) -> None:
        self.now = ""
        self.asked = threading.Event()

    def changed(self) -> str:
        self.asked.set()
        return self.now


def test_each_change_is_marked_once_and_noted() -> None:
    marks: list[tuple[int, str]] = []
    played = _Played()
    watching = Watcher(played, "pci:x", 0, lambda t_ns, text: marks.append((t_ns, text)))

    for now in ("", "was removed", "was removed", ""):
        played.now = now
        watching.look()

    assert [text for _, text in marks] == [
        "device: pci:x was removed",
        "device: pci:x is as it was again",
    ]
    assert [note.split(": seen ")[0] for note in watching.notes()] == [
        "pci:x was removed",
        "pci:x is as it was again",
    ]
    assert watching.notes()[0].endswith(" after the start; values since then need not be the device's")


def test_a_watcher_asks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "PERIOD_S", 0.001)
    played = _Played()

    with Watcher(played, "pci:x", 0, lambda *_: None):
        assert played.asked.wait(60)


def test_nothing_stays_open(memory: tuple[MemPresence, Path]) -> None:
    before = set(os.listdir("/proc/self/fd"))

    memory[0].close()

    assert len(before - set(os.listdir("/proc/self/fd"))) == 1
