"""A thousand traces of twenty hosts, and two engines on them: DuckDB, and Spark on two worker processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab import Lab, make_lab

from regtap_analysis.queries.answer import OpenedEngine
from regtap_analysis.queries.engines import open_engine

MASTER = "local-cluster[2,1,1024]"  # a master, and two worker processes of a core and 1 GiB each
FLEET = Lab(traces=1000, hosts=20, rows=200)
# The machines are small and the questions short: compiling each of them well would cost more than answering it.
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the collection; one more folder in it is no trace, and one trace is damaged."""
    folder = make_lab(tmp_path_factory.mktemp("fleet"), FLEET)
    broken = folder / "board-00" / "run0000" / "part-00000.parquet"
    broken.write_bytes(broken.read_bytes()[:-9])
    return folder


@pytest.fixture(scope="session")
def spark(fleet: Path) -> Iterator[OpenedEngine]:
    """Return Spark on the collection."""
    os.environ["JAVA_TOOL_OPTIONS"] = _JAVA
    opened = open_engine([fleet], f"spark={MASTER}")
    yield opened
    opened.engine.close()


@pytest.fixture(scope="session")
def duckdb(fleet: Path) -> Iterator[OpenedEngine]:
    """Return DuckDB on the collection."""
    opened = open_engine([fleet])
    yield opened
    opened.engine.close()
