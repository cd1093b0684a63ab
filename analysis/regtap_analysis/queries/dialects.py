"""The differences of the engines' SQL: types, quoting, bits of 64-bit values, and the order of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtap_analysis.queries.columns import SignalColumn


class Dialect(Protocol):
    """An engine's SQL, for the tables and macros that all engines share.

    Attributes:
        types: SQL type of each numpy type that a column may have.
        u64: SQL type that holds every unsigned 64-bit value exactly.
        before: The window in which `lag()` gives the row before; the rows of one trace follow each other in it.
        tie: Columns of the rows that keep the order of rows of one time.
    """

    types: Mapping[str, str]
    u64: str
    before: str
    tie: tuple[str, ...]

    def identifier(self, name: str) -> str:
        """Return a name as a quoted identifier."""
        ...

    def text(self, text: str) -> str:
        """Return a text as a literal."""
        ...

    def bits(self, value: str, lsb: int, bits: int) -> str:
        """Return the expression of some bits of an unsigned value, as u64."""
        ...

    def masked(self, value: str, mask: int) -> str:
        """Return the expression of `value & mask` for a value of the type u64."""
        ...

    def delta(self, value: str, modulus: int, qualifier: str) -> str:
        """Return the expression of a difference to the row before, modulo `modulus`; null at a trace's first row."""
        ...

    def wall_time(self, t_ns: str, qualifier: str) -> str:
        """Return the expression of a time as a timestamp in UTC, to the microsecond."""
        ...


def name_expression(dialect: Dialect, signal: SignalColumn, value: str) -> str:
    """Return the expression for the name of a signal's value; it is null for a value without a name."""
    if not signal.is_named:
        return "CAST(NULL AS VARCHAR(1))"
    cases = []
    mask = (1 << signal.bits) - 1
    for named in signal.values:
        compared = dialect.masked(value, mask & ~named.any_bits) if named.any_bits else value
        cases.append(f"WHEN {compared} = {named.value} THEN {dialect.text(named.name)}")
    otherwise = dialect.text(signal.otherwise) if signal.otherwise else "NULL"
    return f"CASE {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise


class DuckDialect:
    """DuckDB's SQL; its engine makes the macros `delta_` and `wall_time_`."""

    types: Mapping[str, str] = {
        "int64": "BIGINT",
        "uint8": "UTINYINT",
        "uint16": "USMALLINT",
        "uint32": "UINTEGER",
        "uint64": "UBIGINT",
    }
    u64 = "UBIGINT"
    # Rows come in the order of the files and of the rows in them, so no sorting is needed: it streams. Sorting 1e8
    # rows takes thirty times as long.
    before = ""
    tie: tuple[str, ...] = ("row_",)

    def identifier(self, name: str) -> str:
        """Return a name in double quotes."""
        return '"' + name.replace('"', '""') + '"'

    def text(self, text: str) -> str:
        """Return a text in single quotes."""
        return "'" + text.replace("'", "''") + "'"

    def bits(self, value: str, lsb: int, bits: int) -> str:
        """Return a shift and a mask."""
        return f"((({value})::UBIGINT >> {lsb}::UBIGINT) & {(1 << bits) - 1}::UBIGINT)"

    def masked(self, value: str, mask: int) -> str:
        """Return a mask."""
        return f"({value} & {mask}::UBIGINT)"

    def delta(self, value: str, modulus: int, qualifier: str) -> str:
        """Return a call of the macro."""
        return f"delta_({value}, {modulus}::HUGEINT, {qualifier}trace, {qualifier}t_ns)"

    def wall_time(self, t_ns: str, qualifier: str) -> str:
        """Return a call of the macro."""
        return f"wall_time_({t_ns}, {qualifier}trace)"


class SparkDialect:
    """Spark's SQL; u64 is decimal(20,0) without bit operations, which a signed twin of the value makes instead."""

    types: Mapping[str, str] = {
        "int64": "BIGINT",
        "uint8": "SMALLINT",
        "uint16": "INT",
        "uint32": "BIGINT",
        "uint64": "DECIMAL(20,0)",
    }
    u64 = "DECIMAL(20,0)"
    before = "PARTITION BY trace ORDER BY t_ns, part_, row_"
    tie: tuple[str, ...] = ("part_", "row_")

    def identifier(self, name: str) -> str:
        """Return a name in backticks."""
        return "`" + name.replace("`", "``") + "`"

    def text(self, text: str) -> str:
        """Return a text in single quotes, with Spark's escape character doubled."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def bits(self, value: str, lsb: int, bits: int) -> str:
        """Return shift and mask of the value's signed twin; for a whole 64-bit value, the value itself."""
        whole = f"CAST({value} AS DECIMAL(20,0))"
        if lsb == 0 and bits == 64:
            return whole
        return f"CAST((shiftrightunsigned({_signed(whole)}, {lsb}) & {(1 << bits) - 1}) AS DECIMAL(20,0))"

    def masked(self, value: str, mask: int) -> str:
        """Return a mask of the value's signed twin, made unsigned again."""
        signed = f"({_signed(value)} & {mask - 2**64 if mask >= 2**63 else mask})"
        return f"(CASE WHEN {signed} < 0 THEN {signed} + CAST(18446744073709551616 AS DECIMAL(20,0)) ELSE {signed} END)"

    def delta(self, value: str, modulus: int, qualifier: str) -> str:
        """Return the difference as decimals, over the trace in the order of time."""
        exact = f"CAST({value} AS DECIMAL(38,0))"
        window = f"OVER (PARTITION BY {qualifier}trace ORDER BY {qualifier}t_ns)"
        return (
            f"CAST(pmod({exact} - lag({exact}) {window}, CAST({modulus} AS DECIMAL(38,0))) AS DECIMAL(38,0))"
        )

    def wall_time(self, t_ns: str, qualifier: str) -> str:
        """Return the sum of the trace's start and the time."""
        start = f"(SELECT max(start_ns_) FROM starts_ WHERE name_ = {qualifier}trace)"
        return f"CAST(timestamp_micros(({start} + {t_ns}) // 1000) AS TIMESTAMP_NTZ)"


class SparkQuestionDialect(SparkDialect):
    """Spark's macros for a question in DuckDB's SQL, before question and macros are translated together."""

    def identifier(self, name: str) -> str:
        """Return a name in double quotes."""
        return DuckDialect().identifier(name)

    def text(self, text: str) -> str:
        """Return a text in single quotes."""
        return DuckDialect().text(text)


def _signed(value: str) -> str:
    """Return the bigint with the bits of an unsigned decimal."""
    half, whole = "9223372036854775808", "CAST(18446744073709551616 AS DECIMAL(20,0))"
    return f"CAST(CASE WHEN {value} >= {half} THEN {value} - {whole} ELSE {value} END AS BIGINT)"
