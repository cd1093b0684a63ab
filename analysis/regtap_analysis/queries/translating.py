"""Translates a question from DuckDB's SQL to Spark's with the same meaning: types, averages and percentiles too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regtap.errors import RefusedError
from regtap_analysis.queries.answer import QuestionError

if TYPE_CHECKING:
    from sqlglot import exp

# Types that Spark has not, as the narrowest of its own that holds their values.
_TYPES = {
    "INT128": "DECIMAL(38,0)",
    "UINT128": "DECIMAL(38,0)",
    "UBIGINT": "DECIMAL(20,0)",
    "UINT": "BIGINT",
    "USMALLINT": "INT",
    "UTINYINT": "SMALLINT",
}
_NO_JOINS = ("ASOF", "POSITIONAL")


def to_spark(text: str) -> str:
    """Return a question in Spark's SQL.

    Raises:
        QuestionError: It cannot be read, or uses what Spark has no equal for.
        RefusedError: sqlglot is not installed.
    """
    sqlglot = _import_sqlglot()
    try:
        statements = [tree for tree in sqlglot.parse(text, read="duckdb") if tree is not None]
        if len(statements) != 1 or not isinstance(statements[0], sqlglot.exp.Query):
            raise QuestionError("a question is one SELECT; for a file name it with -o")
        tree = statements[0].transform(_translated)
        return str(tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE))
    except sqlglot.errors.ParseError as error:
        raise QuestionError(_parse_message(error)) from error
    except sqlglot.errors.UnsupportedError as error:
        raise QuestionError(
            f"Spark cannot answer this question as it is written: {' '.join(str(error).split())}"
        ) from error


def _translated(node: exp.Expression) -> exp.Expression:
    from sqlglot import exp

    if isinstance(node, exp.Join) and node.method in _NO_JOINS:
        raise QuestionError(f"Spark has no {node.method} JOIN; ask without it, or ask DuckDB")
    if isinstance(node, exp.DataType) and node.this.name in _TYPES:
        return exp.DataType.build(_TYPES[node.this.name], dialect="spark")
    if isinstance(node, exp.Avg):  # of decimals it would be a decimal of four digits more
        return exp.Avg(this=exp.cast(node.this, "double"))
    if isinstance(node, exp.Div):  # likewise
        return exp.Div(
            this=exp.cast(node.this, "double"), expression=node.expression, typed=False, safe=False
        )
    if isinstance(node, exp.WithinGroup) and isinstance(node.this, (exp.PercentileDisc, exp.PercentileCont)):
        return _percentile(type(node.this), node.this.this, node.expression.expressions[0].this)
    share = node.args.get("quantile") or node.args.get("expression")
    if isinstance(node, (exp.Quantile, exp.PercentileDisc, exp.PercentileCont)) and share is not None:
        return _percentile(type(node), share, node.this)  # quantile_disc(x, 0.5)
    return node


def _percentile(kind: type[exp.Expression], share: exp.Expression, value: exp.Expression) -> exp.Expression:
    """Return an exact percentile; sqlglot's translation is approximate, and Spark's own percentile_disc a double."""
    from sqlglot import exp

    if kind is exp.PercentileCont:
        return exp.Anonymous(this="percentile", expressions=[value, share])
    count = exp.Count(this=value.copy())
    position = f"CAST(greatest(ceil({share.sql()} * {count.sql('spark')}), 1) AS INT)"
    values = f"sort_array(collect_list({value.sql('spark')}))"
    return exp.maybe_parse(f"try_element_at({values}, {position})", dialect="spark")


def _parse_message(error: Any) -> str:
    first = error.errors[0] if error.errors else {}
    place = f" (line {first['line']}, at: {first['highlight']})" if first.get("line") else ""
    return f"{first.get('description') or str(error).splitlines()[0]}{place}"


def _import_sqlglot() -> Any:
    try:
        import sqlglot
    except ImportError as error:
        raise RefusedError("sqlglot is not installed", remedy="pip install 'regtap[query]'") from error
    return sqlglot
