"""The engine on this machine: DuckDB."""

from __future__ import annotations

import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from regtap.errors import RefusedError
from regtap_analysis.catalogue.tables import arrow_tables
from regtap_analysis.queries.answer import BATCH_ROWS, Answer, QuestionError
from regtap_analysis.queries.columns import Names, groups_of
from regtap_analysis.queries.dialects import DuckDialect
from regtap_analysis.queries.rewriting import Rewriter
from regtap_analysis.queries.tables import scan_columns, scan_name, view_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from regtap_analysis.catalogue.facts import TraceFacts
    from regtap_analysis.queries.answer import Question
    from regtap_analysis.queries.columns import Group

_FILE = "file_"  # column of the scans: the part's path
# Rows that are not in the order of time would give differences between rows that are no neighbours.
_DELTA = """CREATE MACRO delta_(x, modulus, trace, t_ns) AS
    CASE WHEN lag(trace) OVER () IS DISTINCT FROM trace THEN NULL
         WHEN lag(t_ns) OVER () > t_ns
         THEN error('delta() compares neighbours of samples; use it before rows are joined or sorted')::HUGEINT
         ELSE ((x::HUGEINT - lag(x::HUGEINT) OVER ()) % modulus + modulus) % modulus END"""
_WALL_TIME = """CREATE MACRO wall_time_(time_, trace_) AS
    make_timestamp(((SELECT max(start_ns_) FROM starts_ WHERE name_ = trace_) + time_) // 1000)"""
_PLACE = re.compile(r"\n+LINE (\d+): (.*)\n( *)\^.*\Z", re.DOTALL)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class DuckOptions:
    """Limits of DuckDB's resources.

    Attributes:
        memory_bytes: Most memory that it takes before it uses the temporary folder; None: 60 % of this machine's.
        temporary: Folder for data that does not fit into memory; None: one in the system's temporary folder.
    """

    memory_bytes: int | None = None
    temporary: str | None = None


class DuckEngine:
    """Answers questions on this machine.

    Args:
        traces: The traces to ask.
        options: Limits of its resources.

    Raises:
        RefusedError: DuckDB is not installed, or refuses the options.
    """

    def __init__(self, traces: Sequence[TraceFacts], options: DuckOptions | None = None) -> None:
        self._duckdb = _import_duckdb()
        options = options or DuckOptions()
        self._own_folder = None if options.temporary else tempfile.mkdtemp(prefix="regtap-query-")
        self._connection = self._connect(options)
        self._worker = ThreadPoolExecutor(1)
        groups = groups_of(traces)
        self._rewriter = Rewriter(Names(groups), DuckDialect())
        self._make_tables(traces, groups)

    def ask(self, question: Question) -> Answer:
        """Return an answer with rows as soon as they are found; Ctrl-C ends the query at once."""
        text = self._rewriter.rewrite(question.sql)
        self._check_statement(text)
        return self._run(lambda: self._answer(text, question))

    def close(self) -> None:
        """Close the connection and remove the temporary folder."""
        self._worker.shutdown()
        self._connection.close()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def _connect(self, options: DuckOptions) -> Any:
        settings: dict[str, str | bool] = {
            "temp_directory": options.temporary or self._own_folder or "",
            # nothing is fetched from elsewhere for a question
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if options.memory_bytes is not None:
            settings["memory_limit"] = f"{options.memory_bytes}B"
        try:
            return self._duckdb.connect(config=settings)
        except self._duckdb.Error as error:
            raise RefusedError(
                f"DuckDB does not start ({_first_line(error)})", remedy="check the options"
            ) from error

    def _make_tables(self, traces: Sequence[TraceFacts], groups: Sequence[Group]) -> None:
        for name, table in arrow_tables(traces).items():
            self._connection.register(name, table)
        self._connection.execute(
            "CREATE VIEW starts_ AS SELECT trace AS name_, start_ns AS start_ns_ FROM traces"
        )
        for number, group in enumerate(groups):
            self._make_scan(number, group)
        for name, text in view_texts(groups, DuckDialect()).items():
            self._connection.execute(f"CREATE VIEW {name} AS {text}")
        self._connection.execute(_DELTA)
        self._connection.execute(_WALL_TIME)

    def _make_scan(self, number: int, group: Group) -> None:
        """Make the view of a group's rows; the trace's name comes from the file's, so that a filter skips files."""
        dialect = DuckDialect()
        files = ", ".join(map(dialect.text, group.files))
        columns = ", ".join(scan_columns(group, dialect))
        trace = f"substr(parse_dirpath({_FILE}), {len(group.layout.root) + 1}) AS trace"
        self._connection.execute(
            f"CREATE VIEW {scan_name(number)} AS SELECT {trace}, {columns}"
            f" FROM read_parquet([{files}], hive_partitioning = false, filename = '{_FILE}')"
        )

    def _check_statement(self, text: str) -> None:
        try:
            statements = self._connection.extract_statements(text)
        except self._duckdb.Error as error:
            raise _question_error(error) from error
        kinds = (self._duckdb.StatementType.SELECT, self._duckdb.StatementType.EXPLAIN)
        if len(statements) != 1 or statements[0].type not in kinds:
            raise QuestionError("a question is one SELECT (or EXPLAIN); for a file name it with -o")

    def _answer(self, text: str, question: Question) -> Answer:
        parameters = dict(question.parameters) or None
        relation = self._connection.sql(text, params=parameters)
        reader = relation.to_arrow_reader(BATCH_ROWS)
        return Answer(reader.schema, self._batches(reader))

    def _batches(self, reader: Any) -> Iterator[pa.RecordBatch]:
        while (batch := self._run(lambda: next(reader, None))) is not None:
            yield batch

    def _run(self, work: Callable[[], _T]) -> _T:
        """Run a call that waits in C in another thread, so that Ctrl-C is handled in the meantime."""
        future = self._worker.submit(work)
        try:
            return future.result()
        except (self._duckdb.Error, OSError) as error:  # an answer that is being read fails as OSError
            raise _question_error(error) from error
        except KeyboardInterrupt:
            self._connection.interrupt()
            raise


def _import_duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise RefusedError("DuckDB is not installed", remedy="pip install 'regtap[query]'") from error
    return duckdb


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _question_error(error: BaseException) -> QuestionError:
    """Return DuckDB's message on one line, its picture of the place in words."""
    message = str(error)
    place = _PLACE.search(message)
    if place is None:
        return QuestionError(" ".join(message.split()))
    line, shown, indent = place[1], place[2], len(place[3]) - len(f"LINE {place[1]}: ")
    near = shown[max(indent, 0) :][:40]
    return QuestionError(f"{' '.join(message[: place.start()].split())} (line {line}, at: {near})")
