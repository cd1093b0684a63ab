"""The tables of a question as views over the scans of the traces, in either engine's SQL.

`rows_0`, `rows_1`, ... are the scans, one for each group of traces with equal columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.trace.metadata import TIME_COLUMN
from regtap_analysis.catalogue.tables import TABLES
from regtap_analysis.queries.columns import TRACE, all_columns
from regtap_analysis.queries.dialects import name_expression

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regtap_analysis.queries.columns import Group, SignalColumn
    from regtap_analysis.queries.dialects import Dialect


# What a question may name; names with _ at their end are for these tables' own use.
TABLE_NAMES = ("samples", "changes", "states", "intervals", *TABLES)


def scan_name(number: int) -> str:
    """Return the name of a group's scan."""
    return f"rows_{number}_"


def column_name(name: str) -> str:
    """Return the name of a register's column in `samples`: the register's, unless the tables use that name."""
    return f"{name}_" if name.casefold() in (TRACE, "row_", "part_") else name


def scan_columns(group: Group, dialect: Dialect) -> list[str]:
    """Return the columns of a group's scan under their names in the tables."""
    named = ((dialect.identifier(name), dialect.identifier(column_name(name))) for name, _ in group.columns)
    return [own if own == shown else f"{own} AS {shown}" for own, shown in named]


def view_texts(groups: Sequence[Group], dialect: Dialect) -> Mapping[str, str]:
    """Return the SELECT of each view, in the order in which the views must be made."""
    return {
        "samples": _samples(groups, dialect),
        "intervals": _intervals(groups, dialect),
        "steady_intervals_": _steady_intervals(groups, dialect),
        "values_": _values(groups, dialect),
        "edges_": _edges(groups, dialect),
        "changes": _CHANGES,
        "unseen_": _unseen(groups),
        "states": _states(dialect),
    }


def _samples(groups: Sequence[Group], dialect: Dialect) -> str:
    columns = all_columns(groups) or {TIME_COLUMN: "int64"}
    if not groups:
        nulls = [f"CAST(NULL AS {dialect.types[dtype]}) AS {name}" for name, dtype in columns.items()]
        return f"SELECT CAST(NULL AS VARCHAR(1)) AS trace, {', '.join(nulls)} WHERE 1 = 0"
    return " UNION ALL ".join(
        _samples_of(number, group, columns, dialect) for number, group in enumerate(groups)
    )


def _samples_of(number: int, group: Group, columns: Mapping[str, str], dialect: Dialect) -> str:
    own = {name.casefold(): (name, dtype) for name, dtype in group.columns}
    chosen = [TRACE]
    for name, dtype in columns.items():
        own_name, own_dtype = own.get(name.casefold(), (None, None))
        value = "NULL" if own_name is None else dialect.identifier(column_name(own_name))
        cast = value if own_dtype == dtype else f"CAST({value} AS {dialect.types[dtype]})"
        chosen.append(f"{cast} AS {dialect.identifier(column_name(name))}")
    return f"SELECT {', '.join(chosen)} FROM {scan_name(number)}"


def _intervals(groups: Sequence[Group], dialect: Dialect) -> str:
    """The time of each row since the row before."""
    return _union_of_intervals([_intervals_of(number, dialect) for number in range(len(groups))])


def _intervals_of(number: int, dialect: Dialect) -> str:
    window = f"OVER ({dialect.before})"
    return (
        f"SELECT trace, t_ns, t_ns - since_ns AS interval_ns"
        f" FROM (SELECT trace, t_ns, lag(t_ns) {window} AS since_ns, lag(trace) {window} AS trace_before"
        f" FROM {scan_name(number)}) AS r_ WHERE trace_before = trace"
    )


def _steady_intervals(groups: Sequence[Group], dialect: Dialect) -> str:
    """The same without the intervals in which samples like the row before were counted only."""
    return _union_of_intervals(
        [
            _intervals_without_held(_intervals_of(number, dialect))
            if group.layout.stores_changes
            else _intervals_of(number, dialect)
            for number, group in enumerate(groups)
        ]
    )


def _intervals_without_held(intervals: str) -> str:
    """Leave out the intervals whose middle lies in a gap of the cause `unchanged`.

    One pass in the order of time: such gaps do not overlap. Middles, since a gap's ends may be a ns away from the rows'
    times; all times are doubled, so that a middle is a whole number.
    """
    begun = "PARTITION BY trace ORDER BY at2, t_ns ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    return (
        f"SELECT trace, t_ns, interval_ns"
        f" FROM (SELECT trace, t_ns, interval_ns, at2, max(until2) OVER ({begun}) AS held2"
        f" FROM (SELECT trace, t_ns, interval_ns, 2 * t_ns - interval_ns AS at2, CAST(NULL AS BIGINT) AS until2"
        f" FROM ({intervals}) AS i_"
        f" UNION ALL SELECT trace, CAST(NULL AS BIGINT) AS t_ns, CAST(NULL AS BIGINT) AS interval_ns,"
        f" 2 * t0_ns AS at2, 2 * t1_ns AS until2 FROM gaps WHERE cause = 'unchanged') AS e_) AS h_"
        f" WHERE t_ns IS NOT NULL AND (held2 IS NULL OR held2 <= at2)"
    )


def _union_of_intervals(chosen: Sequence[str]) -> str:
    null = "CAST(NULL AS BIGINT)"
    none = f"SELECT CAST(NULL AS VARCHAR(1)) AS trace, {null} AS t_ns, {null} AS interval_ns WHERE 1 = 0"
    return " UNION ALL ".join(chosen) or none


def _values(groups: Sequence[Group], dialect: Dialect) -> str:
    """Each signal's value in each row, and how long it held: up to the next row.

    `is_step` is 1 in traces that store changes only. Where there are none, nobody asks how long a value held.
    """
    has_steps = any(group.layout.stores_changes for group in groups)
    chosen = [
        f"SELECT trace, {dialect.text(signal.name)} AS signal,"
        f" CAST({_value(signal, dialect)} AS {dialect.u64}) AS value,"
        f" {_held_ns(dialect) if has_steps else 0} AS held_ns,"
        f" {int(group.layout.stores_changes)} AS is_step FROM {scan_name(number)}"
        for number, group in enumerate(groups)
        for signal in group.signals
    ]
    text, u64 = "CAST(NULL AS VARCHAR(1))", f"CAST(NULL AS {dialect.u64})"
    none = f"SELECT {text} AS trace, {text} AS signal, {u64} AS value, 0 AS held_ns, 0 AS is_step WHERE 1 = 0"
    return " UNION ALL ".join(chosen) or none


def _held_ns(dialect: Dialect) -> str:
    window = f"OVER ({dialect.before})"
    return f"CASE WHEN lead(trace) {window} = trace THEN lead(t_ns) {window} - t_ns ELSE 0 END"


def _value(signal: SignalColumn, dialect: Dialect) -> str:
    column = dialect.identifier(column_name(signal.column))
    return dialect.bits(column, signal.lsb, signal.bits) if signal.is_field else column


_CHANGES = "SELECT trace, signal, t_ns, since_ns, before, value, name FROM edges_ WHERE since_ns IS NOT NULL"


def _edges(groups: Sequence[Group], dialect: Dialect) -> str:
    """Each signal's first row in each trace, and each row with another value than the row before."""
    chosen = [
        _edges_of(number, signal, dialect, several=group.traces > 1)
        for number, group in enumerate(groups)
        for signal in group.signals
    ]
    return " UNION ALL ".join(chosen) or _no_edges(dialect)


def _edges_of(number: int, signal: SignalColumn, dialect: Dialect, *, several: bool) -> str:
    value, window = _value(signal, dialect), f"OVER ({dialect.before})"
    same_trace = "trace_before = trace" if several and not dialect.before else "since_ns IS NOT NULL"
    tie = ", ".join(dialect.tie)
    order = f"row_number() {window} AS row_" if not dialect.before else tie
    kept = f"CASE WHEN {same_trace} THEN"
    return (
        f"SELECT trace, {dialect.text(signal.name)} AS signal, t_ns, {kept} since_ns END AS since_ns,"
        f" CAST({kept} before END AS {dialect.u64}) AS before, CAST(value AS {dialect.u64}) AS value,"
        f" {name_expression(dialect, signal, f'CAST(value AS {dialect.u64})')} AS name, {tie}"
        f" FROM (SELECT trace, t_ns, {value} AS value, lag({value}) {window} AS before,"
        f" lag(t_ns) {window} AS since_ns, lag(trace) {window} AS trace_before, {order} FROM {scan_name(number)}) AS r_"
        f" WHERE before IS NULL OR before <> value OR trace_before <> trace"
    )


def _no_edges(dialect: Dialect) -> str:
    text, u64 = "CAST(NULL AS VARCHAR(1))", f"CAST(NULL AS {dialect.u64})"
    tie = ", ".join(f"0 AS {column}" for column in dialect.tie)
    return (
        f"SELECT {text} AS trace, {text} AS signal, CAST(NULL AS BIGINT) AS t_ns, CAST(NULL AS BIGINT) AS since_ns,"
        f" {u64} AS before, {u64} AS value, {text} AS name, {tie} WHERE 1 = 0"
    )


def _unseen(groups: Sequence[Group]) -> str:
    """The rows with samples missing between them and the row before; rows of traces without gaps are not sorted.

    Middles, and doubled, as above. A gap with rows inside stands for many whose places are not known.
    """
    null = "CAST(NULL AS BIGINT)"
    none = f"SELECT CAST(NULL AS VARCHAR(1)) AS trace, {null} AS t_ns WHERE 1 = 0"
    scans = [f"SELECT trace, t_ns FROM {scan_name(number)}" for number in range(len(groups))]
    gaps = "SELECT trace, t0_ns + t1_ns AS at2 FROM gaps WHERE cause <> 'unchanged' AND rows = 0"
    return (
        f"SELECT DISTINCT trace, t_ns"
        f" FROM (SELECT trace, t_ns, lag(is_gap) OVER (PARTITION BY trace ORDER BY at2, is_gap) AS is_after_gap"
        f" FROM (SELECT trace, t_ns, 2 * t_ns AS at2, 0 AS is_gap FROM ({' UNION ALL '.join(scans) or none}) AS r_"
        f" WHERE trace IN (SELECT trace FROM ({gaps}) AS h_)"
        f" UNION ALL SELECT trace, {null} AS t_ns, at2, 1 AS is_gap FROM ({gaps}) AS g_) AS e_) AS u_"
        f" WHERE t_ns IS NOT NULL AND is_after_gap = 1"
    )


def _states(dialect: Dialect) -> str:
    """Runs of one value: from its first row to the first row of the next value, or to the trace's last row."""
    edges = (
        "SELECT e_.trace, signal, e_.t_ns, value, name, since_ns IS NOT NULL AND u_.t_ns IS NULL AS seen,"
        f" {', '.join(dialect.tie)}"
        " FROM edges_ AS e_ LEFT JOIN unseen_ AS u_ ON e_.trace = u_.trace AND e_.t_ns = u_.t_ns"
    )
    window = f"OVER (PARTITION BY s_.trace, signal ORDER BY t_ns, {', '.join(dialect.tie)})"
    return (
        f"SELECT s_.trace AS trace, signal, t_ns AS t0_ns, coalesce(lead(t_ns) {window}, t_.last_ns) AS t1_ns,"
        f" value, name, seen AND coalesce(lead(seen) {window}, 1 = 0) AS whole,"
        f" row_number() {window} AS number"
        f" FROM ({edges}) AS s_ JOIN traces AS t_ ON s_.trace = t_.trace"
    )
