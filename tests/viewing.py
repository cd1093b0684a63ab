"""`regtap view` as a server that runs while a block does."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.command import start_regtap


class serving:  # noqa: N801 - used as a function is
    """Serves traces while the block runs; gives the address."""

    def __init__(self, *traces: Path, options: tuple[str, ...] = ()) -> None:
        self._process = start_regtap("view", *traces, *options, "--no-browser", "--as-root")

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
