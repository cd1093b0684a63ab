"""The checks of a result beyond its types, so that reports and comparisons need none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regtap.errors import InputError
from regtap.registers.model import TYPES
from regtap_bench.arms.base import THROUGHPUT
from regtap_bench.arms.catalogue import LOAD, PREAD
from regtap_bench.figures.result import PERCENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtap_bench.figures.result import Cost, Result, Row


def check_complete(result: Result) -> None:
    """Raise InputError, with the place, unless the result is consistent."""
    _check_register(result.register, "register")
    if result.write_register is not None:
        _check_register(result.write_register, "write_register")
    for arm in (LOAD, PREAD, result.baseline):
        if result.row(arm) is None:
            raise _damaged(f"there is no {arm!r}")
    for row in result.rows:
        _check_row(row)
    for own_rounds in (False, True):
        rows = [row for row in result.rows if row.own_rounds == own_rounds]
        costs = [cost for row in rows for cost in (row.costs or {}).values()]
        if len({tuple(map(len, cost.stretches_ns)) for cost in costs}) > 1:
            raise _damaged("stretches_ns are not all of the same rounds")


def _check_row(row: Row) -> None:
    if row.ratio is not None and min(row.ratio.value, row.ratio.low, row.ratio.high) <= 0:
        raise _damaged(f"the ratio of {row.arm!r} is not above 0")
    if not row.refused and row.cost(THROUGHPUT) is None:
        raise _damaged(f"{row.arm!r} has no cost")
    for measure, cost in (row.costs or {}).items():
        _check_cost(cost, f"{measure} of {row.arm!r}")
        if row.kind != "control" and not cost.is_bound and cost.ns.value <= 0:
            raise _damaged(f"{measure} of {row.arm!r} is not above 0")


def _check_register(given: Mapping[str, Any], where: str) -> None:
    if not isinstance(given.get("name"), str) or type(given.get("address")) is not int:
        raise _damaged(f"{where} has no name or no address")
    if given.get("type") not in TYPES:
        raise _damaged(f"{where} has no known type")


def _check_cost(cost: Cost, where: str) -> None:
    if len(cost.quantiles_ns) != len(PERCENTS):
        raise _damaged(f"quantiles_ns of {where} are not {len(PERCENTS)}")
    if not cost.stretches_ns or not all(cost.stretches_ns):
        raise _damaged(f"stretches_ns of {where} are missing")


def _damaged(what: str) -> InputError:
    return InputError(f"the result is damaged: {what}; measure again")
