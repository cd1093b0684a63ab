"""What the guests do; the tests judge what came of it.

One guest has two processors, so that the sampling thread has one of its own. Two such guests at once would be seven
times slower on two real ones: a processor that waits for the other's answer to an interrupt burns the time in which
that other one could run.
"""

from __future__ import annotations

import mmap
import sys
import threading
import time
from pathlib import Path

from tests.vm.cache import PROJECT
from tests.vm.guest import AARCH64, ARMV7, X86, Guest, Run

HERE = Path(__file__).parent
HPET = 0xFED00000
HPET_COUNTER = HPET + 0xF0
RESERVED = 0x10000000
PLAYED = 16  # changes that the host makes to the shared memory
_DWELL_S = 0.5  # a guest without a processor for that long would miss a change


def devices(folder: Path) -> Run:
    """Boot the x86 board with devices to read, and play one of them."""
    shared = folder / "shared-memory"
    shared.write_bytes(bytes(2**20))
    guest = Guest(
        X86,
        cpus=2,
        # The kernel reads the HPET itself unless it trusts the TSC.
        arguments=("tsc=reliable", f"memmap=16M${RESERVED:#x}"),
        devices=(
            *("-device", "edu"),
            *("-object", f"memory-backend-file,id=shared,share=on,mem-path={shared},size=1M"),
            *("-device", "ivshmem-plain,memdev=shared"),
        ),
        modules=("uio_pci_generic", "uio_cif"),
        log_bus=True,
    )
    ended = threading.Event()
    player = threading.Thread(target=_play, args=(shared, ended))
    player.start()
    try:
        return guest.run(_steps("devices"), folder)
    finally:
        ended.set()
        player.join()


def refusals(folder: Path) -> Run:
    """Boot the x86 board with a kernel as strict as Debian ships it."""
    guest = Guest(X86, arguments=(f"memmap=16M${RESERVED:#x}",), devices=("-device", "edu"))
    return guest.run(_steps("refusals"), folder)


def relaxed(folder: Path) -> Run:
    """Boot the x86 board with iomem=relaxed."""
    guest = Guest(
        X86,
        memory="6G",
        arguments=("iomem=relaxed", f"memmap=16M${RESERVED:#x}"),
        devices=("-device", "edu"),
        modules=("uio_cif",),
        log_bus=True,
    )
    return guest.run(_steps("relaxed"), folder)


def going(folder: Path) -> Run:
    """Boot the x86 board with a device that goes away."""
    guest = Guest(X86, devices=("-device", "edu"), modules=("uio_cif",))
    return guest.run(_steps("going"), folder)


def arm(folder: Path) -> Run:
    """Boot the aarch64 board."""
    guest = Guest(AARCH64, arguments=("iomem=relaxed",), devices=("-device", "edu"), log_bus=True)
    return guest.run(_steps("arm"), folder)


def armhf(folder: Path) -> Run:
    """Boot the same board with a processor of 32 bits."""
    guest = Guest(ARMV7, cpus=2, arguments=("iomem=relaxed",), log_bus=True)
    return guest.run(_steps("armhf"), folder)


def _steps(name: str) -> dict[str, str]:
    """Return the scripts in a folder, in the order of their names."""
    installed = f"{PROJECT} {sys.prefix} {sys.base_prefix}"
    head = f"PATH={Path(sys.executable).parent}:$PATH INSTALLED='{installed}'\n"
    return {path.stem[3:]: head + path.read_text() for path in sorted((HERE / "steps" / name).glob("*.sh"))}


def _play(shared: Path, ended: threading.Event) -> None:
    """Be the device: wait until word 2 is set, count word 0 up, then set word 3."""
    with shared.open("r+b") as file, mmap.mmap(file.fileno(), 4096) as memory:
        words = memoryview(memory).cast("I")  # one access of 32 bits for each index
        try:
            while not words[2] and not ended.wait(0.01):
                pass
            for value in range(1, PLAYED + 1):
                if ended.is_set():
                    return
                words[0] = value
                time.sleep(_DWELL_S)
            words[3] = 1
        finally:
            words.release()
