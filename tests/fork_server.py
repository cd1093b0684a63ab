"""Runs `regtap` in forks of a process that has its modules already: all that a command does, but for loading them.

A fork has arguments, folder, environment, descriptors and an exit code of its own; at its end it waits for its threads
and flushes, and leaves out to tear down each module. What is proved of the start or the very end of a program (imports,
options of the interpreter, closed descriptors) takes a new program.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import traceback
from importlib.metadata import entry_points
from typing import Any, NoReturn

ANSWER = struct.Struct("=i")
# Beside what the commands import when they are loaded; query's modules are too large for those who do not ask.
_MODULES = ("matplotlib.figure", "pyarrow.dataset", "pyarrow.parquet", "regtap.recording.capture")


def serve(channel: socket.socket) -> None:
    """Run one command after the other, as lines of the channel ask for them.

    Args:
        channel: Gets the PID of each fork when it begins, and the wait status at its end, as ANSWER.

    """
    with channel.makefile("r", encoding="utf-8") as requests:
        for request in requests:
            pid = os.fork()
            if pid == 0:
                _run_and_exit(json.loads(request))
            channel.sendall(ANSWER.pack(pid))
            channel.sendall(ANSWER.pack(os.waitpid(pid, 0)[1]))


def _run_and_exit(request: dict[str, Any]) -> NoReturn:
    status = 1
    try:
        status = _run(request)
    except BaseException:  # noqa: BLE001 - as an interpreter does at its end
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(request: dict[str, Any]) -> int:
    from regtap.cli.start import main

    for number, path in enumerate((os.devnull, request["stdout"], request["stderr"])):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["regtap", *request["arguments"]]
    return main()


def _load() -> None:
    for entry in entry_points(group="regtap.commands"):
        entry.load()
    for name in _MODULES:
        importlib.import_module(name)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.set_inheritable(int(sys.argv[1]), False)
    _load()
    gc.freeze()  # a fork that collects garbage would copy all of it
    serve(socket.socket(fileno=int(sys.argv[1])))
