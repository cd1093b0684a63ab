"""`regtap` on a system whose file operations fail when told to, and what must hold of what it leaves."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SPOOLS = Path("/dev/shm")
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Fault:
    """Which call fails.

    Attributes:
        call: One of fault_server.CALLS.
        at: Which of its calls on watched paths, from 0.
        error: With this errno.
        onward: And every later one, too.
        torn: A write takes half of what it is given first, and only the next one fails (if `onward`).
    """

    call: str
    at: int
    error: int
    onward: bool
    torn: bool = False

    def __str__(self) -> str:
        how = "and every later one" if self.onward else "once"
        torn = " torn," if self.torn else ""
        return f"{self.call} number {self.at}{torn} {errno.errorcode[self.error]} {how}"


@dataclass(frozen=True)
class RunResult:
    """How a command ended.

    Attributes:
        status: Its exit code, or minus the signal.
        out: What it printed on stdout.
        err: And on stderr.
        counts: Watched calls, by function.
        pid: Its process.
        peak_kib: The most memory that it had.
    """

    status: int
    out: str
    err: str
    counts: dict[str, int]
    pid: int
    peak_kib: int

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("regtap: error:")]

    def met(self, fault: Fault) -> bool:
        """Return whether it came as far as the call that was to fail."""
        return self.counts[fault.call] > fault.at

    def spools(self) -> list[Path]:
        """Return the spools of this process that are still there."""
        return sorted(SPOOLS.glob(f"regtap-{self.pid}-*"))


class FaultyRegtap:
    """Runs the command under a root where files may fail."""

    def __init__(self, root: Path, server: subprocess.Popen[str]) -> None:
        self.root = root
        self._server = server

    def run(
        self, arguments: Sequence[str], fault: Fault | None = None, *, small_parts: bool = False
    ) -> RunResult:
        """Run the command; `small_parts`: a recovery closes a part after each block."""
        out, err = self.root.parent / "out", self.root.parent / "err"
        request = {
            "arguments": list(arguments),
            "cwd": str(self.root),
            "out": str(out),
            "err": str(err),
            "small_parts": small_parts,
            "fault": None if fault is None else asdict(fault),
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return RunResult(
            answer["status"],
            out.read_text(),
            err.read_text(),
            answer["counts"],
            answer["pid"],
            answer["peak_kib"],
        )


@contextmanager
def faulty_regtap(library: Path, root: Path) -> Iterator[FaultyRegtap]:
    """Start the server for a root folder, which must exist."""
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "FAILING_CALLS_ROOT": f"{root}/",
        "PYTHONPATH": str(_HERE.parents[1]),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.torture.fault_server"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield FaultyRegtap(root, server)
        assert server.stdin is not None
        server.stdin.close()


def compile_library(source: str, folder: Path) -> Path:
    """Compile one of native/*.c into a library to preload."""
    return _compile(source, folder / f"{Path(source).stem}.so", "-shared", "-fPIC")


def compile_program(source: str, folder: Path) -> Path:
    """Compile one of native/*.c into a program."""
    return _compile(source, folder / Path(source).stem)


def _compile(source: str, output: Path, *options: str) -> Path:
    command = ["cc", "-O1", "-Wall", "-Wextra", "-Werror", *options, "-o", str(output)]
    subprocess.run([*command, str(_HERE / "native" / source), "-ldl"], check=True)
    return output


_BALANCE = re.compile(
    r"^(?P<trace>.+): (?:taken|due) (?P<taken>[\d,]+) = stored (?P<stored>[\d,]+) \+ lost (?P<lost>[\d,]+)"
    r"(?: \+ missed (?P<missed>[\d,]+))?"
    r"(?: \+ rotated [\d,]+)?(?: \+ (?P<kept>[\d,]+) kept in (?P<spool>[^\s;]+))?"
    r"(?:; (?:WARNING|FINDING): \S+ % of the slots missed)?$"  # of a busy machine
)


@dataclass(frozen=True)
class Balance:
    """What the last line says; `taken`, of a paced capture, are the slots that were due."""

    taken: int
    stored: int
    lost: int
    missed: int
    kept: int
    spool: Path | None

    @property
    def samples(self) -> int:
        """How many there are, stored or kept."""
        return self.stored + self.kept


def balance_of(out: str) -> Balance:
    """Parse the last line of what `record` or `recover` printed."""
    match = _BALANCE.match(out.rstrip("\n").rpartition("\n")[2])
    assert match, f"the last line is no balance: {out[-200:]!r}"
    taken, stored, lost, missed, kept = (
        int((match[name] or "0").replace(",", "")) for name in ("taken", "stored", "lost", "missed", "kept")
    )
    balance = Balance(
        taken, stored, lost, missed, kept, None if match["spool"] is None else Path(match["spool"])
    )
    assert balance.taken == balance.stored + balance.lost + balance.missed + balance.kept, balance
    return balance
