"""Sees to it that QEMU, the guests' kernels and the aarch64 guest's root are there: `python -m tests.vm.prepare`.

QEMU and the cross compiler come from Debian's packages: installed when run as root, else named in one line.
Everything else is unpacked into build/vm, without root, and kept.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
from tests.vm.cache import AMD64, ARM64, CACHE, PROJECT, keep
from tests.vm.debian import Debian

# What is needed here -> the package that brings it.
_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-aarch64": "qemu-system-arm",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
}
_ARM_PACKAGES = ("python3", "dash", "coreutils", "libstdc++6", "zlib1g", "busybox-static")
_ARM_WHEELS = ("numpy", "pyarrow", "click")
# The oldest C library that the wheels may be made for; Debian 12's is younger than all of them.
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
_CMAKE = str(Path(sys.executable).parent / "cmake")  # among what regtap is built with
_TRIPLET = "aarch64-linux-gnu"


def main() -> None:
    """Make what is missing."""
    install_programs()
    keep(AMD64, "1", make_amd64)
    keep(ARM64, f"1 {' '.join((*_ARM_PACKAGES, *_ARM_WHEELS))}", make_arm64)
    build_regtap()


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
    debian.unpack([debian.kernel_package()], folder / "kernel")
    debian.unpack(["busybox-static"], folder / "root")


def make_arm64(folder: Path) -> None:
    """Unpack the aarch64 guest's kernel, root, and what regtap is built with for it."""
    click.echo("fetching the aarch64 kernel, Python, numpy and pyarrow")
    debian = Debian("arm64", CACHE / "apt-arm64")
    debian.unpack([debian.kernel_package()], folder / "kernel")
    debian.unpack(_ARM_PACKAGES, folder / "root", needed=True)
    version = python_version(folder)
    debian.unpack([f"libpython{version}-dev"], folder / "headers")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", version),
            *(f"--platform={platform}" for platform in _PLATFORMS),
            *("--target", packages_of(folder), *_ARM_WHEELS),
        ],
        check=True,
    )


def python_version(folder: Path) -> str:
    """Return the version of the guest's Python, such as `3.11`."""
    return (folder / "root/usr/bin/python3").readlink().name.removeprefix("python")


def packages_of(folder: Path) -> Path:
    """Return where the guest's Python finds packages that are not Debian's."""
    return folder / f"root/usr/local/lib/python{python_version(folder)}/dist-packages"


def build_regtap() -> None:
    """Cross-build regtap for the aarch64 guest and put it into its root."""
    packages = packages_of(ARM64)
    build = CACHE / "native"
    compile_all = (_CMAKE, "--build", f"{build}", "--target", "_native", "--parallel", "2")
    for command in (_configure(build), compile_all):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for source in ("logger/regtap", "bench/regtap_bench", "analysis/regtap_analysis"):
        target = packages / Path(source).name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(PROJECT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
    (module,) = build.glob("_native.*so")
    shutil.copy(module, packages / "regtap/_native.so")
    _install_command(packages)


def _configure(build: Path) -> tuple[str, ...]:
    headers = ARM64 / "headers/usr/include"
    version = python_version(ARM64)
    nanobind = subprocess.run(
        [sys.executable, "-m", "nanobind", "--cmake_dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return (
        *(_CMAKE, "-S", f"{PROJECT}/logger/native", "-B", f"{build}"),
        *("-DSKBUILD=1", "-DCMAKE_BUILD_TYPE=Release"),
        *("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"),
        *(f"-DCMAKE_CXX_COMPILER={_TRIPLET}-g++", f"-DCMAKE_CXX_FLAGS=-I{headers}"),
        *(f"-DPython_EXECUTABLE={sys.executable}", f"-DPython_INCLUDE_DIR={headers}/python{version}"),
        f"-Dnanobind_DIR={nanobind}",
    )


def _install_command(packages: Path) -> None:
    """Make `regtap` and its list of subcommands, as an installer would."""
    distribution = importlib.metadata.distribution("regtap")
    folder = packages / f"regtap-{distribution.version}.dist-info"
    folder.mkdir(exist_ok=True)
    for name in ("METADATA", "entry_points.txt"):
        (folder / name).write_text(distribution.read_text(name) or "")
    command = ARM64 / "root/usr/local/bin/regtap"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.write_text("#!/usr/bin/python3\nimport sys\nfrom regtap.cli.main import main\nsys.exit(main())\n")
    command.chmod(0o755)


if __name__ == "__main__":
    main()
