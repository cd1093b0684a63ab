"""A guest: a Debian kernel under QEMU that sees a root folder of this machine and runs steps in it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.vm import initramfs
from tests.vm.cache import AMD64, ARM64, ARMHF

HERE = Path(__file__).parent
# How a guest reaches its files.
_ROOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")


@dataclass(frozen=True)
class Machine:
    """A kind of computer that QEMU plays.

    Attributes:
        qemu: The program and what makes it that computer. Always emulation: a machine that has /dev/kvm need
            not let it work.
        console: The kernel's name of the serial port.
        kernel: Folder of an unpacked kernel package.
        busybox: A static busybox for its processor.
        root: Folder that the guest sees as its root; never written.
    """

    qemu: str
    console: str
    kernel: Path
    busybox: Path
    root: Path


X86 = Machine(
    # Nehalem: the oldest that the wheels of numpy and pyarrow are made for.
    qemu="qemu-system-x86_64 -accel tcg,thread=multi -M q35,hpet=on -cpu Nehalem",
    console="ttyS0",
    kernel=AMD64 / "kernel",
    busybox=AMD64 / "root/bin/busybox",
    root=Path("/"),
)
AARCH64 = Machine(
    qemu="qemu-system-aarch64 -accel tcg,thread=multi -M virt,gic-version=2 -cpu cortex-a57",
    console="ttyAMA0",
    kernel=ARM64 / "kernel",
    busybox=ARM64 / "root/bin/busybox",
    root=ARM64 / "root",
)
ARMV7 = Machine(
    # The kernel has no large physical addresses: everything lies below 4 GiB.
    qemu="qemu-system-arm -accel tcg,thread=multi -M virt,gic-version=2,highmem=off -cpu cortex-a15",
    console="ttyAMA0",
    kernel=ARMHF / "kernel",
    busybox=ARMHF / "root/bin/busybox",
    root=ARMHF / "root",
)


@dataclass(frozen=True)
class Outcome:
    """How a command in the guest ended."""

    status: int
    stdout: str
    stderr: str

    @classmethod
    def load(cls, folder: Path, name: str) -> Outcome:
        """Read what was kept under a name."""
        texts = [(folder / f"{name}.{kind}").read_text() for kind in ("status", "stdout", "stderr")]
        return cls(int(texts[0]), texts[1], texts[2])


@dataclass(frozen=True)
class Run:
    """What a guest left behind.

    Attributes:
        folder: The share.
        seconds: How long it took.
    """

    folder: Path
    seconds: float

    @property
    def files(self) -> Path:
        """The guest's /vm, where steps run."""
        return self.folder / "files"

    @property
    def bus_log(self) -> Path:
        """Every access that reached a device."""
        return self.folder / "bus.log"

    def step(self, name: str) -> Outcome:
        """Return how a step ended."""
        return Outcome.load(self.folder / "outcomes", name)

    def tried(self, name: str) -> Outcome:
        """Return how a command ended that a step ran by `try NAME`."""
        return Outcome.load(self.files, name)


class GuestError(Exception):
    """A guest did not come to its end; the message has its console's last lines."""


@dataclass(frozen=True)
class Guest:
    """A computer to boot.

    Attributes:
        machine: Its kind.
        memory: Its RAM.
        cpus: How many processors it has; see scenes.
        arguments: For the kernel's command line.
        devices: More arguments of QEMU.
        modules: Kernel modules to load beside those that reach the root.
        log_bus: Whether QEMU logs every access that reaches a device.
        timeout_s: When to give up.
    """

    machine: Machine
    memory: str = "1G"
    cpus: int = 1
    arguments: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    log_bus: bool = False
    timeout_s: float = 1800  # under emulation, beside other work

    def run(self, steps: Mapping[str, str], folder: Path) -> Run:
        """Boot, run the steps in their order, power off.

        Args:
            steps: Shell scripts by name; each runs as root in /vm, after share/prelude.sh.
            folder: An empty folder for what comes of it.

        Raises:
            GuestError: It did not come to its end in time.
        """
        self._fill(folder, steps)
        began = time.monotonic()
        with (
            (folder / "qemu.log").open("wb") as log,
            subprocess.Popen(
                self._command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            ) as process,
        ):
            try:
                process.wait(self.timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
        if "VM: complete" not in _text(folder / "console"):
            raise GuestError(_last_words(folder))
        return Run(folder, time.monotonic() - began)

    def _fill(self, folder: Path, steps: Mapping[str, str]) -> None:
        for name in ("steps", "outcomes"):
            (folder / name).mkdir()
        shutil.copytree(HERE / "share", folder, dirs_exist_ok=True)
        shutil.copy(self.machine.busybox, folder / "busybox")
        for number, (name, text) in enumerate(steps.items()):
            (folder / "steps" / f"{number:02}-{name}").write_text(text)
        init = (HERE / "init.sh").read_text()
        names = (*_ROOT_MODULES, *self.modules)
        (folder / "initrd").write_bytes(
            initramfs.build(self.machine.kernel, self.machine.busybox, init, names)
        )

    def _command(self, folder: Path) -> list[str]:
        kernel = next(self.machine.kernel.glob("boot/vmlinuz-*"))
        arguments = (
            f"console={self.machine.console} quiet panic=-1 mitigations=off {' '.join(self.arguments)}"
        )
        trace = ("-trace", "memory_region_ops_*", "-D", f"{folder}/bus.log") if self.log_bus else ()
        return [
            *self.machine.qemu.split(),
            *("-smp", f"{self.cpus}", "-m", self.memory, "-display", "none", "-nodefaults", "-no-reboot"),
            *("-serial", f"file:{folder}/console", "-kernel", f"{kernel}", "-initrd", f"{folder}/initrd"),
            *("-append", arguments),
            *_share("root", self.machine.root, ",readonly=on,multidevs=remap"),
            *_share("share", folder, ""),
            *trace,
            *self.devices,
        ]


def _share(tag: str, folder: Path, more: str) -> tuple[str, str]:
    return "-virtfs", f"local,path={folder},mount_tag={tag},security_model=none{more}"


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _last_words(folder: Path) -> str:
    lines = [*_text(folder / "qemu.log").splitlines(), *_text(folder / "console").splitlines()]
    return f"the guest in {folder} did not come to its end; its last lines:\n" + "\n".join(lines[-25:])
