"""Debian's packages, for any processor: found, fetched and unpacked without root and without installing them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path


class Debian:
    """A private state of apt for one architecture, which knows of no installed package.

    Attributes:
        architecture: Such as `arm64`.
    """

    def __init__(self, architecture: str, state: Path) -> None:
        """Read the lists of this machine's package sources for an architecture.

        Args:
            architecture: Which.
            state: A folder for apt's own files.
        """
        self.architecture = architecture
        self._archives = state / "cache/archives"
        for folder in (state / "lists/partial", self._archives / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        config = state / "apt.conf"
        config.write_text(
            f'APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};\n'
            f'Dir::State "{state}"; Dir::State::status "{state}/status"; Dir::Cache "{state}/cache";\n'
            f'APT::Sandbox::User "root"; APT::Get::List-Cleanup "false"; Acquire::Languages "none";\n'
        )
        self._environment = {**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C"}
        # A source that cannot be read, such as a mirror in the middle of its own update, is left out: a package that
        # is missing then says so when it is fetched.
        self._call("apt-get", "update", "-qq")

    def kernel_package(self, flavour: str) -> str:
        """Return the name of the current kernel package of a flavour: it changes with each point release."""
        shown = self._apt("apt-cache", "depends", f"linux-image-{flavour}")
        found = re.search(r"Depends: (linux-image-\S+)", shown)
        assert found is not None, shown
        return found[1]

    def unpack(self, packages: Sequence[str], folder: Path, *, needed: bool = False) -> None:
        """Unpack packages into a folder.

        Args:
            packages: Their names.
            folder: Where to.
            needed: Unpack all that they depend on as well.
        """
        for path in self._with_needs(packages) if needed else self._alone(packages):
            subprocess.run(["dpkg-deb", "-x", path, folder], check=True)
            path.unlink()

    def _with_needs(self, packages: Sequence[str]) -> list[Path]:
        self._apt("apt-get", "install", "-qq", "-y", "--no-install-recommends", "--download-only", *packages)
        return sorted(self._archives.glob("*.deb"))

    def _alone(self, packages: Sequence[str]) -> list[Path]:
        self._apt("apt-get", "download", "-qq", *packages)
        return sorted(self._archives.glob("*.deb"))

    def _call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self._environment, cwd=self._archives, capture_output=True, text=True, check=False
        )

    def _apt(self, *command: str) -> str:
        done = self._call(*command)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        return done.stdout
