"""Sees to it that QEMU, the guests' kernels and the ARM boards' roots are there: `python -m tests.vm.prepare`.

QEMU and the cross compilers come from Debian's packages: installed when run as root, else named in one line.
Everything else is unpacked into build/vm, without root, and kept.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from tests.vm.cache import AMD64, ARM64, ARMHF, CACHE, PROJECT, keep
from tests.vm.debian import Debian

# What is needed here -> the package that brings it.
_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-arm": "qemu-system-arm",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "arm-linux-gnueabihf-g++": "g++-arm-linux-gnueabihf",
}
_PACKAGES = ("python3", "dash", "coreutils", "libstdc++6", "zlib1g", "busybox-static")
# The oldest C library that the wheels may be made for; Debian 12's is younger than all of them.
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
_CMAKE = str(Path(sys.executable).parent / "cmake")  # among what regtap is built with


@dataclass(frozen=True)
class Board:
    """A board whose root is made of Debian's packages, and for which regtap is cross-built.

    Attributes:
        folder: Where all that is.
        architecture: Debian's name of it.
        kernel: The flavour of Debian's kernel.
        processor: As CMake and the compiler call it.
        triplet: The compiler's prefix.
        packages: Debian's, in its root.
        wheels: What comes from PyPI.
    """

    folder: Path
    architecture: str
    kernel: str
    processor: str
    triplet: str
    packages: tuple[str, ...]
    wheels: tuple[str, ...] = ()

    @property
    def python_version(self) -> str:
        """The version of its Python, such as `3.11`."""
        return (self.folder / "root/usr/bin/python3").readlink().name.removeprefix("python")

    @property
    def site(self) -> Path:
        """Where its Python finds packages that are not Debian's."""
        return self.folder / f"root/usr/local/lib/python{self.python_version}/dist-packages"


_BOARDS = (
    Board(ARM64, "arm64", "arm64", "aarch64", "aarch64-linux-gnu", _PACKAGES, ("numpy", "pyarrow", "click")),
    # There is no wheel of pyarrow for it; the rest is the distribution's, as its users have it.
    Board(
        *(ARMHF, "armhf", "armmp", "arm", "arm-linux-gnueabihf"),
        (*_PACKAGES, "python3-numpy", "python3-click", "python3-pytest", "python3-hypothesis"),
    ),
)


def main() -> None:
    """Make what is missing."""
    install_programs()
    keep(AMD64, "1", make_amd64)
    for board in _BOARDS:
        keep(board.folder, f"2 {board}", functools.partial(make_root, board))
        build_regtap(board)


def install_programs() -> None:
    """Install what is missing of Debian's, or say what to type."""
    if shutil.which("apt-get") is None:
        raise SystemExit("the tests in QEMU fetch kernels with apt-get; run them on Debian 12 or later")
    missing = sorted(package for program, package in _PROGRAMS.items() if shutil.which(program) is None)
    if not missing:
        return
    if os.geteuid() != 0:
        raise SystemExit(
            f"the tests in QEMU need more programs; type: sudo apt-get install {' '.join(missing)}"
        )
    click.echo(f"installing {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]
    for command in (["apt-get", "update", "-qq"], install):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


def make_amd64(folder: Path) -> None:
    """Unpack the x86 guest's kernel; its root is this machine's own."""
    click.echo("fetching the x86 kernel")
    debian = Debian("amd64", CACHE / "apt-amd64")
    debian.unpack([debian.kernel_package("amd64")], folder / "kernel")
    debian.unpack(["busybox-static"], folder / "root")


def make_root(board: Board, folder: Path) -> None:
    """Unpack a board's kernel, its root, and what regtap is built with for it."""
    click.echo(f"fetching the kernel and the packages of {board.architecture}")
    debian = Debian(board.architecture, CACHE / f"apt-{board.architecture}")
    debian.unpack([debian.kernel_package(board.kernel)], folder / "kernel")
    debian.unpack(board.packages, folder / "root", needed=True)
    _link_alternatives(folder / "root/usr/lib" / board.triplet)
    debian.unpack([f"libpython{board.python_version}-dev"], folder / "headers")
    if board.wheels:
        subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--no-deps",
                ),
                *("--only-binary=:all:", "--implementation", "cp", "--python-version", board.python_version),
                *(f"--platform={platform}" for platform in _PLATFORMS),
                *("--target", str(board.site), *board.wheels),
            ],
            check=True,
        )


def _link_alternatives(libraries: Path) -> None:
    """Make the links of numpy's linear algebra, as the packages' scripts would."""
    for library in (*libraries.glob("blas/*.so.*"), *libraries.glob("lapack/*.so.*")):
        link = libraries / library.name
        link.unlink(missing_ok=True)
        link.symlink_to(library.relative_to(libraries))


def build_regtap(board: Board) -> None:
    """Cross-build regtap for a board and put it into its root."""
    build = CACHE / f"native-{board.architecture}"
    compile_all = (_CMAKE, "--build", f"{build}", "--target", "_native", "--parallel", "2")
    for command in (_configure(board, build), compile_all):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for source in ("logger/regtap", "bench/regtap_bench", "analysis/regtap_analysis", "tests"):
        target = board.site / Path(source).name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(PROJECT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
    (module,) = build.glob("_native.*so")
    shutil.copy(module, board.site / "regtap/_native.so")
    _install_command(board)


def _configure(board: Board, build: Path) -> tuple[str, ...]:
    headers = board.folder / "headers/usr/include"
    nanobind = subprocess.run(
        [sys.executable, "-m", "nanobind", "--cmake_dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return (
        *(_CMAKE, "-S", f"{PROJECT}/logger/native", "-B", f"{build}"),
        *("-DSKBUILD=1", "-DCMAKE_BUILD_TYPE=Release"),
        *("-DCMAKE_SYSTEM_NAME=Linux", f"-DCMAKE_SYSTEM_PROCESSOR={board.processor}"),
        *(f"-DCMAKE_CXX_COMPILER={board.triplet}-g++", f"-DCMAKE_CXX_FLAGS=-I{headers}"),
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-DPython_INCLUDE_DIR={headers}/python{board.python_version}",
        f"-Dnanobind_DIR={nanobind}",
    )


def _install_command(board: Board) -> None:
    """Make `regtap` and its list of subcommands, as an installer would."""
    distribution = importlib.metadata.distribution("regtap")
    folder = board.site / f"regtap-{distribution.version}.dist-info"
    folder.mkdir(exist_ok=True)
    for name in ("METADATA", "entry_points.txt"):
        (folder / name).write_text(distribution.read_text(name) or "")
    command = board.folder / "root/usr/local/bin/regtap"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.write_text("#!/usr/bin/python3\nimport sys\nfrom regtap.cli.main import main\nsys.exit(main())\n")
    command.chmod(0o755)


if __name__ == "__main__":
    main()
