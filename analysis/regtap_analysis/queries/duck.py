"""The engine on this machine: DuckDB."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from regtap_analysis.queries.answer import QuestionError
from regtap_analysis.queries.columns import Names, groups_of, signal_names
from regtap_analysis.queries.dialects import DuckDialect
from regtap_analysis.queries.duck_answer import DuckAnswer
from regtap_analysis.queries.duck_session import DuckOptions, DuckSession
from regtap_analysis.queries.duck_tables import DuckTables
from regtap_analysis.queries.rewriting import Rewriter
from regtap_analysis.queries.text_paths import TextPaths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap_analysis.catalogue.facts import TraceFacts
    from regtap_analysis.queries.answer import Question


class DuckEngine:
    """Answers questions on this machine.

    Args:
        traces: The traces to ask.
        options: Limits of its resources.

    Raises:
        RefusedError: DuckDB is not installed, or refuses the options.

    Attributes:
        signals: As in Engine.
    """

    def __init__(self, traces: Sequence[TraceFacts], options: DuckOptions | None = None) -> None:
        with ExitStack() as opened:
            links = opened.enter_context(closing(TextPaths()))
            traces = [links.of(facts) for facts in traces]
            groups = groups_of(traces)
            self.signals = signal_names(groups)
            names = Names(groups)
            self._rewriter = Rewriter(names, DuckDialect())
            session = DuckSession(options or DuckOptions(), tuple(names.columns))
            self._session = opened.enter_context(closing(session))
            self._tables = DuckTables(session.connection, traces, groups)
            self._opened = opened.pop_all()

    def ask(self, question: Question) -> DuckAnswer:
        """Return an answer with rows as soon as they are found; Ctrl-C ends the query at once."""
        text = self._rewriter.rewrite(question.sql)
        return self._session.run(lambda: self._answer(text, question), text)

    def close(self) -> None:
        """Close the connection and remove the temporary folders."""
        self._opened.close()

    def _answer(self, text: str, question: Question) -> DuckAnswer:
        kinds = self._session.duckdb.StatementType
        statements = self._session.connection.extract_statements(text)
        if len(statements) != 1 or statements[0].type not in (kinds.SELECT, kinds.EXPLAIN):
            raise QuestionError("a question is one SELECT (or EXPLAIN); for a file name it with -o")
        self._tables.make_for(text)
        return DuckAnswer(self._session, text, dict(question.parameters))
