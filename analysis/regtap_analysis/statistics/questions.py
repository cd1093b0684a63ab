"""The questions, in SQL with the same meaning in every engine; percentiles are exact, by counts of equal values.

A percentile p is the smallest value that at least p of the values are not above (the inverse of the empirical
distribution function; numpy calls it `inverted_cdf`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap_analysis.queries.answer import Question
from regtap_analysis.queries.dialects import DuckDialect
from regtap_analysis.statistics.figures import MOST_STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from regtap_analysis.queries.answer import Answer, Engine

ALL = "(all)"  # what stands for the trace where traces are taken together
_MOST_NAMED = 8  # signals that a message lists
_THOUSANDTHS = {"p1": 10, "p50": 500, "p99": 990, "p999": 999}


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """The options of a question.

    Attributes:
        questions: Names of questions; empty for all.
        registers: Only signals of these registers; empty for all.
    """

    questions: tuple[str, ...] = ()
    registers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.questions:
            if name not in QUESTIONS:
                raise InputError(f"there is no question {name!r}; known: {', '.join(QUESTIONS)}")


def ask_all(engine: Engine, options: StatsOptions, traces: int) -> Iterator[tuple[str, Answer]]:
    """Yield each question's name and answer: rows for each trace, then over all. An answer ends with the next one.

    Args:
        engine: Opened on the traces.
        options: Options of the question.
        traces: The number of traces; of one there is nothing over all.

    Raises:
        InputError: No trace has one of the registers.
    """
    _check_known(options.registers, engine.signals)
    for name in options.questions or tuple(QUESTIONS):
        yield name, engine.ask(Question(question_text(name, options.registers, over_all=traces > 1)))


def _check_known(registers: Sequence[str], signals: Sequence[str]) -> None:
    for name in registers:
        if signals and name not in signals:
            from regtap.maps.nearest import nearest

            similar = ", ".join(nearest(name, signals)) or ", ".join(signals[:_MOST_NAMED])
            raise InputError(f"no trace has a register or field {name!r}; similar: {similar}")


def question_text(name: str, registers: Sequence[str] = (), *, over_all: bool = False) -> str:
    """Return a question of `stats` in SQL.

    Args:
        name: One of QUESTIONS.
        registers: Only signals of these; empty for all.
        over_all: Whether rows for all traces together follow, whose trace is `(all)`.
    """
    asked = QUESTIONS[name]
    rest = asked.columns.removeprefix("trace, ")
    named = (
        f"SELECT CASE WHEN trace IS NULL THEN 1 ELSE 0 END AS rank_, coalesce(trace, '{ALL}') AS trace, {rest}"
        f" FROM ({asked.text(_where(registers), over_all)}) AS q_"
    )
    return f"SELECT {asked.columns} FROM ({named}) AS a_ ORDER BY rank_, {asked.order}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of `regtap stats`.

    Attributes:
        help: A sentence about the answer.
        text: Returns its SQL, given the condition on signals, and whether rows for all traces together are wanted:
            their trace is NULL, and they come from the same scan.
        columns: Its columns, in their order.
        order: The columns that its rows are sorted by.
    """

    help: str
    text: Callable[[str, bool], str]
    columns: str
    order: str


def _by(over_all: bool, *columns: str) -> str:
    """Return the GROUP BY of some columns for each trace, and once more for all traces together."""
    listed = ", ".join(columns)
    for_all = f", ({listed})" if over_all else ""
    return f"GROUP BY GROUPING SETS ((trace, {listed}){for_all})"


def _intervals(_where: str, over_all: bool) -> str:
    steady = "SELECT trace, interval_ns AS x FROM steady_intervals_"
    counted = f"SELECT trace, x, count(*) AS n, count(*) AS weight FROM ({steady}) AS i_"
    return _percentiles(f"{counted} {_by(over_all, 'x')}", ("trace",))


def _values(where: str, over_all: bool) -> str:
    """Weigh each row alike, or, where a trace stores changes only, by the time that its value held."""
    values = f"SELECT trace, signal, value AS x, held_ns, is_step FROM values_ WHERE {where}"
    counted = (
        f"SELECT trace, signal, x, count(*) AS n, sum(held_ns) AS held, max(is_step) AS step"
        f" FROM ({values}) AS v_ {_by(over_all, 'signal', 'x')}"
    )
    together = "OVER (PARTITION BY trace, signal)"
    weighed = (
        f"SELECT trace, signal, x, n, CASE WHEN max(step) {together} = 1 AND sum(held) {together} > 0"
        f" THEN held ELSE n END AS weight FROM ({counted}) AS w_"
    )
    return _percentiles(weighed, ("trace", "signal"))


def _percentiles(counted: str, keys: tuple[str, ...]) -> str:
    """Return the SELECT for count, smallest, largest, mean and percentiles, by keys.

    Args:
        counted: A SELECT of values `x`, how often each occurs, `n`, and its weight in mean and percentiles.
        keys: What the values are summed up by.
    """
    group = ", ".join(keys)
    # as decimals: a weight in ns times 1,000 passes 64 bits after 106 days
    shares = ", ".join(
        f"min(CASE WHEN CAST(upto AS DECIMAL(28, 0)) * 1000 >= {share} * CAST(total AS DECIMAL(28, 0)) THEN x END)"
        f" AS {name}"
        for name, share in _THOUSANDTHS.items()
    )
    return (
        f"SELECT {group}, sum(n) AS count, min(x) AS min, {shares}, max(x) AS max,"
        f" sum(CAST(x AS DOUBLE) * weight) / sum(weight) AS mean"
        f" FROM (SELECT {group}, x, n, weight, sum(weight) OVER (PARTITION BY {group} ORDER BY x) AS upto,"
        f" sum(weight) OVER (PARTITION BY {group}) AS total FROM ({counted}) AS c_) AS r_ GROUP BY {group}"
    )


def _signals(where: str, over_all: bool) -> str:
    return (
        f"SELECT trace, signal, count(*) - count(DISTINCT own) AS changes,"
        f" count(DISTINCT value) AS different, min(value) AS min, max(value) AS max,"
        f" CASE WHEN count(DISTINCT own) = 1 THEN max(CASE WHEN number = 1 THEN value END) END AS first,"
        f" CASE WHEN count(DISTINCT own) = 1 THEN arg_max(value, number) END AS last"
        f" FROM (SELECT trace, trace AS own, signal, value, number FROM states WHERE {where}) AS s_"
        f" {_by(over_all, 'signal')}"
    )


def _states(where: str, over_all: bool) -> str:
    group = "trace, signal, value, name"
    lengths = (
        f"SELECT {group}, t1_ns - t0_ns AS x, CASE WHEN whole THEN 1 ELSE 0 END AS is_whole"
        f" FROM states WHERE {where} AND {_few(where)}"
    )
    counted = (
        f"SELECT {group}, x, count(*) AS n, sum(is_whole) AS m FROM ({lengths}) AS l_"
        f" {_by(over_all, 'signal', 'value', 'name', 'x')}"
    )
    return (
        f"SELECT {group}, sum(n) AS visits, sum(m) AS whole, sum(x * n) AS total_ns,"
        f" min(CASE WHEN m > 0 THEN x END) AS min_ns,"
        f" min(CASE WHEN m > 0 AND upto * 2 >= total THEN x END) AS p50_ns,"
        f" min(CASE WHEN m > 0 AND upto * 100 >= 99 * total THEN x END) AS p99_ns,"
        f" max(CASE WHEN m > 0 THEN x END) AS max_ns"
        f" FROM (SELECT {group}, x, n, m, sum(m) OVER (PARTITION BY {group} ORDER BY x) AS upto,"
        f" sum(m) OVER (PARTITION BY {group}) AS total FROM ({counted}) AS c_) AS r_ GROUP BY {group}"
    )


def _transitions(where: str, over_all: bool) -> str:
    return (
        f"SELECT trace, signal, before, value, count(*) AS count, min(t_ns) AS first_ns"
        f" FROM changes WHERE {where} AND {_few(where)} {_by(over_all, 'signal', 'before', 'value')}"
    )


def _few(where: str) -> str:
    """Return the condition for a state: a signal with few values."""
    return (
        f"signal IN (SELECT signal FROM states WHERE {where} GROUP BY signal"
        f" HAVING count(DISTINCT value) <= {MOST_STATES})"
    )


def _where(registers: Sequence[str]) -> str:
    if not registers:
        return "1 = 1"
    text = DuckDialect().text
    named = [f"signal = {text(name)} OR starts_with(signal, {text(f'{name}.')})" for name in registers]
    return f"({' OR '.join(named)})"


_SPREAD = "count, min, p1, p50, p99, p999, max, mean"
QUESTIONS = {
    "intervals": Asked(
        "time from row to row, in ns, where nothing was left out as unchanged",
        _intervals,
        f"trace, {_SPREAD}",
        "trace",
    ),
    "signals": Asked(
        "changes, first, last, smallest and largest value of each register and field",
        _signals,
        "trace, signal, changes, different, min, max, first, last",
        "trace, signal",
    ),
    "states": Asked(
        f"time in each value, for signals of at most {MOST_STATES} values",
        _states,
        "trace, signal, value, name, visits, whole, total_ns, min_ns, p50_ns, p99_ns, max_ns",
        "trace, signal, value",
    ),
    "transitions": Asked(
        "from which value to which, and how often",
        _transitions,
        "trace, signal, before, value, count, first_ns",
        "trace, signal, before, value",
    ),
    "percentiles": Asked(
        "values, by rows; of traces that store changes only, by the time that they held",
        _values,
        f"trace, signal, {_SPREAD}",
        "trace, signal",
    ),
}
