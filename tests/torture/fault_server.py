"""Runs `regtap` again and again, each time in a fresh fork of a process that has loaded everything.

Started by tests/torture/faulty.py with native/failing_calls.c preloaded. Reads one JSON object a line on stdin:
the command's arguments, and which call is to fail; answers with one: how it ended, and how many calls there were.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from typing import Any

CALLS = ("open", "fallocate", "write", "fsync", "rename", "mmap", "mkdir", "unlink", "close")


class Order(ctypes.Structure):
    """struct order of failing_calls.c."""

    _fields_ = (
        ("call", ctypes.c_int32),
        ("at", ctypes.c_int32),
        ("error", ctypes.c_int32),
        ("onward", ctypes.c_int32),
        ("torn", ctypes.c_int32),
        ("counts", ctypes.c_int32 * len(CALLS)),
    )


def shared_order() -> Order:
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.failing_calls_order.restype = ctypes.POINTER(Order)
    order: Order = library.failing_calls_order().contents
    return order


def run(request: dict[str, Any]) -> int:
    """Be the command, in a process of its own."""
    for number, name in ((1, "out"), (2, "err")):
        fd = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(request["cwd"])
    from regtap.cli.main import main
    from regtap.parts import builder
    from regtap.recovery import rebuild

    if request["small_parts"]:
        builder.PART_BYTES = 1
        rebuild.ROW_GROUP_ROWS = 1  # type: ignore[attr-defined]
    return main(request["arguments"])


def arm(order: Order, fault: dict[str, Any] | None) -> None:
    ctypes.memset(ctypes.addressof(order), 0, ctypes.sizeof(order))
    order.call = len(CALLS)
    if fault is not None:
        order.at, order.error, order.onward, order.torn = (
            fault[k] for k in ("at", "error", "onward", "torn")
        )
        order.call = CALLS.index(fault["call"])


def serve(order: Order) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        arm(order, request["fault"])
        pid = os.fork()
        if pid == 0:
            sys.exit(run(request))
        _, status, usage = os.wait4(pid, 0)
        answer = {
            "pid": pid,
            "status": os.waitstatus_to_exitcode(status),
            "counts": dict(zip(CALLS, order.counts, strict=True)),
            "peak_kib": usage.ru_maxrss,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def load_everything() -> None:
    """Before the forks, not after each of them."""
    import regtap.cli.capture_report
    import regtap.commands.record
    import regtap.commands.recover
    import regtap.parts.native
    import regtap.recording.capture
    import regtap.recovery.complete
    import regtap.targets.file  # noqa: F401

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    load_everything()
    serve(shared_order())
