"""Starts Spark or connects to a running one; a failure is one clear line."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import sys
import tempfile
import warnings
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regtap.errors import InputError, RefusedError

_MASTER = re.compile(
    r"local|local\[.+\]|local-cluster\[.+\]|(?:spark|sc)://(?P<host>[^:/;]+)(?::(?P<port>\d+))?.*|yarn|k8s://.+"
)
_PORTS = {"sc": 15002, "spark": 7077}
_PATIENCE_S = 5
# Traces are many and their parts often small: Spark's own settings would start a task for each file that it looks up,
# and one for each 32 files that it reads.
_SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "16",
    "spark.sql.files.openCostInBytes": "131072",
}


@dataclass(frozen=True, slots=True)
class Session:
    """A Spark session whose views and settings are nobody else's.

    Attributes:
        spark: The session.
        is_own: Whether Spark was started for it: then it ends with it. A Spark that ran before goes on.
    """

    spark: Any
    is_own: bool

    def close(self) -> None:
        """End what was started."""
        if self.is_own:
            self.spark.stop()


def open_session(master: str) -> Session:
    """Return a session on a Spark that runs in this process, or else on one that is started.

    Args:
        master: `local[2]`, `local-cluster[WORKERS,CORES,MIB]`, `spark://HOST:PORT`, `sc://HOST`, `yarn`, `k8s://...`.

    Raises:
        InputError: There is no such kind of master, or Spark runs in this process on another one.
        RefusedError: pyspark or Java is not installed, or the master does not answer.
    """
    match = _MASTER.fullmatch(master)
    if match is None:
        raise InputError(f"{master!r} is no Spark master; use local[2], spark://HOST:PORT or sc://HOST")
    _import_pyspark()
    if match["host"]:
        kind = master.partition(":")[0]
        _check_answers(match["host"], int(match["port"] or _PORTS[kind]), master)
    if not master.startswith("sc:"):
        _check_java()
    return _opened(master)


def _opened(master: str) -> Session:
    from pyspark.errors import PySparkException

    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # errors are raised, too
    try:
        session = _remote(master) if master.startswith("sc:") else _local(master)
        with ExitStack() as opened:
            opened.enter_context(closing(session))
            for key, value in _SESSION.items():
                session.spark.conf.set(key, value)
            opened.pop_all()
    except (PySparkException, RuntimeError, OSError) as error:
        raise _refused(master, str(error)) from error
    return session


def _remote(master: str) -> Session:
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    return Session(builder.remote(master).create(), is_own=True)


def _local(master: str) -> Session:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    running = SparkContext._active_spark_context
    if running is None:
        _start_context(master)
    elif running.master != master:
        raise InputError(
            f"Spark runs in this process on {running.master}; name that master, or stop it first"
        )
    builder: Any = SparkSession.builder
    return Session(builder.getOrCreate().newSession(), is_own=running is None)


def _start_context(master: str) -> None:
    """Start Spark, and its Java process if none is left of an earlier one.

    What Java logs is kept off the terminal, and told where it does not start.
    """
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    _set_environment(master)
    settings = SparkConf().setMaster(master).setAppName("regtap").setAll(list(_settings(master).items()))
    with tempfile.TemporaryFile() as log:
        try:
            gateway = SparkContext._gateway or launch_gateway(settings, popen_kwargs={"stderr": log})
            SparkContext(conf=settings, gateway=gateway)
        except Py4JError as error:
            raise _refused(master, str(error)) from error
        except Exception as error:
            log.seek(0)
            raise _refused(master, log.read(1 << 16).decode(errors="replace") or str(error)) from error


def _refused(master: str, text: str) -> RefusedError:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = next(
        (line for line in lines if "Exception:" in line or "Error:" in line), lines[0] if lines else ""
    )
    return RefusedError(
        f"Spark does not start on {master} ({telling.rpartition('Exception: ')[2][:200]})",
        remedy="see that the master runs this version of Spark, and that Java is 17 or newer",
    )


def _set_environment(master: str) -> None:
    if master.startswith(
        "local"
    ):  # the workers are on this machine: this Python, and nobody else needs to reach it
        os.environ["PYSPARK_PYTHON"] = sys.executable
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")


def _settings(master: str) -> dict[str, str]:
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    if master.startswith("local"):
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        settings |= {"spark.sql.shuffle.partitions": "8"}
    return settings


def _import_pyspark() -> None:
    try:
        import pyspark  # noqa: F401 (whether it is there)
    except ImportError as error:
        raise RefusedError("pyspark is not installed", remedy="pip install 'regtap[spark]'") from error


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and Path(home, "bin", "java").exists()):
        raise RefusedError(
            "Spark needs Java, and there is none", remedy="apt-get install openjdk-17-jre-headless"
        )


def _check_answers(host: str, port: int, master: str) -> None:
    try:
        socket.create_connection((host, port), _PATIENCE_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RefusedError(
            f"no Spark master answers at {master} ({reason})", remedy="see that it runs and can be reached"
        ) from error
