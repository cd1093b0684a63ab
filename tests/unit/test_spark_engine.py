"""The engine on Spark, with a stand-in for Spark: what it leaves behind."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from regtap.errors import RefusedError
from regtap_analysis.catalogue.search import TraceLocation
from regtap_analysis.queries import sessions, spark
from regtap_analysis.queries.sessions import Session
from regtap_analysis.queries.spark import SparkEngine


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Return a Spark that answers everything with nothing."""
    monkeypatch.setattr(spark, "_spark_type", lambda schema: schema)
    return MagicMock()


def footers_of(running: MagicMock) -> MagicMock:
    """Return the table of footers, which Spark was asked to keep in memory."""
    made = running.createDataFrame.return_value.repartition.return_value.mapInArrow.return_value
    made.cache.assert_called_once()
    footers: MagicMock = made.cache.return_value
    return footers


@pytest.mark.parametrize("is_own", [False, True])
def test_a_spark_that_goes_on_forgets_the_footers(running: MagicMock, is_own: bool) -> None:
    engine = SparkEngine([TraceLocation("run", "/run")], Session(running, is_own))
    footers_of(running).unpersist.assert_not_called()

    engine.close()

    assert footers_of(running).unpersist.called is not is_own
    assert running.stop.called is is_own


@pytest.mark.parametrize("is_own", [False, True])
def test_it_forgets_them_too_if_it_does_not_open(running: MagicMock, is_own: bool) -> None:
    running.sql.side_effect = RuntimeError("no view")

    with pytest.raises(RuntimeError, match="no view"):
        SparkEngine([TraceLocation("run", "/run")], Session(running, is_own))

    assert footers_of(running).unpersist.called is not is_own
    assert running.stop.called is is_own


@pytest.mark.parametrize("is_own", [False, True])
def test_a_spark_that_refuses_its_settings_is_ended(
    running: MagicMock, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    errors = SimpleNamespace(PySparkException=ArithmeticError)
    monkeypatch.setitem(sys.modules, "pyspark", MagicMock(errors=errors))
    monkeypatch.setitem(sys.modules, "pyspark.errors", errors)
    monkeypatch.setattr(sessions, "_local", lambda _: Session(running, is_own))
    running.conf.set.side_effect = RuntimeError("no such setting")

    with pytest.raises(RefusedError, match="no such setting"):
        sessions._opened("local[2]")

    assert running.stop.called is is_own
