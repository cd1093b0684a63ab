"""The engine on a cluster: the workers of Spark read the traces, their footers included."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from regtap.maps.lookup import NO_MAPS
from regtap_analysis.catalogue.read import no_traces
from regtap_analysis.catalogue.search import LeftOut, find_traces
from regtap_analysis.catalogue.tables import TABLES
from regtap_analysis.queries.answer import BATCH_ROWS, OpenedEngine, QuestionError
from regtap_analysis.queries.arrow_answer import ArrowAnswer
from regtap_analysis.queries.columns import Group, Layout, Names, signal_names
from regtap_analysis.queries.dialects import SparkDialect, SparkQuestionDialect
from regtap_analysis.queries.footers import FOOTERS, footers_reader
from regtap_analysis.queries.rewriting import Rewriter
from regtap_analysis.queries.sessions import Session, open_session
from regtap_analysis.queries.tables import scan_columns, scan_name, view_texts
from regtap_analysis.queries.translating import to_spark

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from regtap.maps.lookup import Maps
    from regtap_analysis.catalogue.search import TraceLocation
    from regtap_analysis.queries.answer import Question

_NAMED = re.compile(r"\[[A-Z][A-Z0-9_.]+\] (?:(?!JVM stacktrace|\n\s+at ).)*", re.DOTALL)
_FOOTERS_A_TASK = 64  # traces whose footers one task reads
_MOST_TASKS = 512


def open_spark(
    arguments: Sequence[str | os.PathLike[str]], master: str, maps: Maps = NO_MAPS
) -> OpenedEngine:
    """Open Spark on the traces that the arguments lead to; this process lists folders, the workers open the traces.

    Args:
        arguments: Traces, folders of traces, patterns, on storage that every worker sees under the same path.
        master: Its address: `local[2]`, `local-cluster[...]`, `spark://HOST:PORT`, `sc://HOST`.
        maps: Describe registers of traces that were recorded without these maps.

    Raises:
        TraceError: There is no trace at all.
        RefusedError: Spark or Java is not installed, or the master does not answer.
    """
    search = find_traces(arguments)
    locations = [it for it in search.locations if it.is_text]
    odd = tuple(LeftOut(it.name, _not_text(it)) for it in search.locations if not it.is_text)
    if not locations:
        raise no_traces(search.left_out + odd)
    engine = SparkEngine(locations, open_session(master), maps)
    left_out = search.left_out + odd + engine.left_out
    if engine.traces == 0:
        engine.close()
        raise no_traces(left_out)
    return OpenedEngine(engine, engine.traces, left_out)


def _not_text(location: TraceLocation) -> str:
    return (
        f"{location.name}: Spark opens no path that is not UTF-8; rename the folder, or ask --engine duckdb"
    )


class SparkEngine:
    """Answers questions on a cluster.

    Args:
        locations: The traces.
        session: The session of Spark; it is closed with the engine.
        maps: As in open_spark.

    Attributes:
        traces: The number of traces that could be read.
        left_out: The others.
        signals: As in Engine.
    """

    def __init__(self, locations: Sequence[TraceLocation], session: Session, maps: Maps = NO_MAPS) -> None:
        self._spark = session.spark
        with ExitStack() as opened:
            opened.enter_context(closing(session))
            footers = self._read_footers(locations, maps)
            if not session.is_own:  # that Spark goes on, and would keep them in its memory
                opened.callback(footers.unpersist)
            self.left_out = _left_out(footers)
            self.traces = len(locations) - len(self.left_out)
            groups = self._groups(footers)
            self._make_tables(footers, groups)
            self.signals = signal_names(groups)
            self._rewriter = Rewriter(Names(groups), SparkQuestionDialect())
            self._opened = opened.pop_all()

    def ask(self, question: Question) -> ArrowAnswer:
        """Return an answer, read partition by partition."""
        text = to_spark(self._rewriter.rewrite(question.sql))
        try:
            frame = self._spark.sql(text, dict(question.parameters))
            schema = frame.limit(0).toArrow().schema
            return ArrowAnswer(schema, _batches(frame, schema))
        except _spark_errors() as error:
            raise _question_error(error) from error

    def close(self) -> None:
        """End the session, and forget the footers where Spark goes on."""
        self._opened.close()

    def _read_footers(self, locations: Sequence[TraceLocation], maps: Maps) -> Any:
        """Return a row for each trace: what it holds, or why it cannot be read."""
        named = [(location.name, location.path) for location in locations]
        tasks = min(-(-len(named) // _FOOTERS_A_TASK), _MOST_TASKS)
        frame = self._spark.createDataFrame(named, "name STRING, path STRING").repartition(tasks)
        return frame.mapInArrow(footers_reader(maps), _spark_type(FOOTERS)).cache()

    def _groups(self, footers: Any) -> tuple[Group, ...]:
        """Return the groups; of a hundred thousand traces the driver learns layouts and names of files, no more."""
        rows = footers.where("error IS NULL").orderBy("trace").select("layout", "files").toLocalIterator()
        found: dict[str, list[list[str]]] = {}
        for row in rows:
            if row.files:
                found.setdefault(row.layout, []).append(row.files)
        return tuple(
            Group(Layout.from_json(layout), tuple(file for files in members for file in files), len(members))
            for layout, members in found.items()
        )

    def _make_tables(self, footers: Any, groups: Sequence[Group]) -> None:
        for name in TABLES:
            footers.selectExpr(f"explode({name}) AS r_").select("r_.*").createOrReplaceTempView(name)
        self._view("starts_", "SELECT trace AS name_, start_ns AS start_ns_ FROM traces")
        for number, group in enumerate(groups):
            self._make_scan(number, group)
        for name, text in view_texts(groups, SparkDialect()).items():
            self._view(name, text)

    def _make_scan(self, number: int, group: Group) -> None:
        """Make the view of a group's rows; the trace's name comes from the file's, so that a filter skips files."""
        dialect = SparkDialect()
        columns = (f"{dialect.identifier(name)} {dialect.types[dtype]}" for name, dtype in group.columns)
        schema = ", ".join(columns)
        # a folder called COUNT=7 is no column, and one called run[1] no pattern
        reader = self._spark.read.schema(schema).options(recursiveFileLookup=True, __globPaths__=False)
        path = "url_decode(replace(_metadata.file_path, '+', '%2B'))"
        folder = f"regexp_extract({path}, '^(?:file:/*)?(/.*)/[^/]*$', 1)"
        trace = f"substring({folder}, {len(group.layout.root) + 1}) AS trace"
        order = ("_metadata.file_name AS part_", "_metadata.row_index AS row_")
        scan = reader.parquet(*[f"file://{file}" for file in group.files])
        scan.selectExpr(trace, *scan_columns(group, dialect), *order).createOrReplaceTempView(
            scan_name(number)
        )

    def _view(self, name: str, text: str) -> None:
        self._spark.sql(text).createOrReplaceTempView(name)


def _left_out(footers: Any) -> tuple[LeftOut, ...]:
    rows = footers.where("error IS NOT NULL").orderBy("trace").select("trace", "error").collect()
    return tuple(LeftOut(row.trace, row.error) for row in rows)


def _batches(frame: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    waiting: list[tuple[Any, ...]] = []
    try:
        for row in frame.toLocalIterator():
            waiting.append(row)
            if len(waiting) == BATCH_ROWS:
                yield _batch(waiting, schema)
                waiting.clear()
    except _spark_errors() as error:
        raise _question_error(error) from error
    yield _batch(waiting, schema)


def _batch(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = zip(*rows, strict=True) if rows else [()] * len(schema)  # by place: two may have one name
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _spark_type(schema: pa.Schema) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema)


def _spark_errors() -> tuple[type[Exception], ...]:
    """Return what Spark raises; a failure of a worker comes as Java's own error while rows are fetched."""
    from pyspark.errors import PySparkException

    try:
        from py4j.protocol import Py4JError
    except ImportError:  # the client of Spark Connect comes without it
        return (PySparkException,)
    return (PySparkException, Py4JError)


def _question_error(error: Any) -> QuestionError:
    """Return Spark's message on one line: the one with a name in brackets, if there is one among Java's."""
    from pyspark.errors import PySparkException

    text = str(error.getMessage() or error) if isinstance(error, PySparkException) else str(error)
    named = _NAMED.search(text)
    told = named[0] if named else text.split("JVM stacktrace")[0]
    return QuestionError(" ".join(told.split())[:600])
