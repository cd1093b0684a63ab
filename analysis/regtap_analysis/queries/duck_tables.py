"""Tables, views and macros in DuckDB, each made when a question first names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regtap_analysis.catalogue.tables import F64, FLAG, I64, MOMENT, TABLES, TEXT, U64, rows_of
from regtap_analysis.queries.dialects import DuckDialect
from regtap_analysis.queries.tables import column_name, scan_columns, scan_name, view_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap_analysis.catalogue.facts import TraceFacts
    from regtap_analysis.queries.columns import Group

_FILE = "file_"  # column of the scans: the part's path
_TYPES = {
    TEXT: "VARCHAR",
    FLAG: "BOOLEAN",
    I64: "BIGINT",
    U64: "UBIGINT",
    F64: "DOUBLE",
    MOMENT: "BIGINT",  # DuckDB takes no number for a timestamp, and Python's datetime ends with the year 9999
}
# Rows that are not in the order of time would give differences between rows that are no neighbours.
_DELTA = """CREATE MACRO delta_(x, modulus, trace, t_ns) AS
    CASE WHEN lag(trace) OVER () IS DISTINCT FROM trace THEN NULL
         WHEN lag(t_ns) OVER () > t_ns
         THEN error('delta() compares neighbours of samples; use it before rows are joined or sorted')::HUGEINT
         ELSE ((x::HUGEINT - lag(x::HUGEINT) OVER ()) % modulus + modulus) % modulus END"""
_WALL_TIME = """CREATE MACRO wall_time_(time_, trace_) AS
    make_timestamp(((SELECT max(start_ns_) FROM starts_ WHERE name_ = trace_) + time_) // 1000)"""
_STARTS = "CREATE VIEW starts_ AS SELECT trace AS name_, start_ns AS start_ns_ FROM traces"
_WORD = re.compile(r"\w+")
_READ = re.compile(r"\b(?:FROM|JOIN) (\w+)")


@dataclass(frozen=True, slots=True)
class _Made:
    """A view or a macro: the statement that makes it, and what must be there before."""

    statement: str
    needs: tuple[str, ...]


class DuckTables:
    """Makes the tables that a question needs: of many traces, each takes its time.

    Args:
        connection: DuckDB's.
        traces: The traces to ask.
        groups: The same in groups.
    """

    def __init__(self, connection: Any, traces: Sequence[TraceFacts], groups: Sequence[Group]) -> None:
        self._connection = connection
        self._traces = traces
        self._missing = dict(_statements(groups))
        self._absent = set(TABLES)

    def make_for(self, text: str) -> None:
        """Make every table that a question may mean: all whose names are among its words."""
        for word in dict.fromkeys(_WORD.findall(text.casefold())):
            self._make(word)

    def _make(self, name: str) -> None:
        """Make a table, a view or a macro, and what it needs; one that failed is tried again by the next question."""
        if name in self._absent:
            self._fill(name)
            self._absent.remove(name)
        if made := self._missing.get(name):
            for needed in made.needs:
                self._make(needed)
            self._connection.execute(made.statement)
            del self._missing[name]

    def _fill(self, name: str) -> None:
        """Make a table of the catalogue."""
        columns = TABLES[name]
        typed = ", ".join(f'"{column}" {_TYPES[kind]}' for column, kind in columns.items())
        self._connection.execute(f"CREATE OR REPLACE TABLE {name}_ ({typed})")
        rows = (tuple(row.values()) for facts in self._traces for row in rows_of(name, facts))
        with self._connection.appender(f"{name}_") as appender:
            appender.append_rows(rows)
        shown = ", ".join(_shown(column, kind) for column, kind in columns.items())
        self._connection.execute(f"CREATE VIEW {name} AS SELECT {shown} FROM {name}_")


def _shown(column: str, kind: str) -> str:
    return f'make_timestamp("{column}") AS "{column}"' if kind == MOMENT else f'"{column}"'


def _statements(groups: Sequence[Group]) -> Iterator[tuple[str, _Made]]:
    """Yield every view and macro by the name under which a question has it."""
    dialect = DuckDialect()
    known = set(TABLES)
    for number, group in enumerate(groups):
        known.add(name := scan_name(number))
        yield name, _Made(_scan(name, group, dialect), ())
    for name, text in view_texts(groups, dialect).items():  # a view reads from those before it alone
        yield name, _Made(f"CREATE VIEW {name} AS {text}", tuple(known.intersection(_READ.findall(text))))
        known.add(name)
    yield "starts_", _Made(_STARTS, ("traces",))
    yield "delta_", _Made(_DELTA, ())
    yield "wall_time_", _Made(_WALL_TIME, ("starts_",))


def _scan(name: str, group: Group, dialect: DuckDialect) -> str:
    """Return the view of a group's rows; the trace's name comes from the file's, so that a filter skips files."""
    if not group.files:
        nulls = ", ".join(_null(column, kind, dialect) for column, kind in group.columns)
        return f"CREATE VIEW {name} AS SELECT CAST(NULL AS VARCHAR) AS trace, {nulls} WHERE 1 = 0"
    files = ", ".join(map(dialect.text, group.files))
    columns = ", ".join(scan_columns(group, dialect))
    folder = f"substr(parse_dirpath({_FILE}), {len(group.layout.root) + 1})"
    trace = f"{dialect.text(group.layout.name) if group.layout.name else folder} AS trace"
    return (
        f"CREATE VIEW {name} AS SELECT {trace}, {columns}"
        f" FROM read_parquet([{files}], hive_partitioning = false, filename = '{_FILE}')"
    )


def _null(column: str, kind: str, dialect: DuckDialect) -> str:
    return f"CAST(NULL AS {dialect.types[kind]}) AS {dialect.identifier(column_name(column))}"
