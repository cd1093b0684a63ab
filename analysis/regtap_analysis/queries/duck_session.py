"""A connection to DuckDB, its errors and its temporary folder."""

from __future__ import annotations

import re
import shutil
import tempfile  # duckdb loads both, too
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from regtap.errors import RefusedError
from regtap_analysis.queries.answer import QuestionError
from regtap_analysis.queries.interrupting import run_interruptibly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


class DuckSession:
    """DuckDB in this process.

    Args:
        options: Limits of its resources.
        registers: Names of registers that an error may mean.

    Raises:
        RefusedError: DuckDB is not installed, or refuses the options.

    Attributes:
        duckdb: The module.
        connection: The connection.
    """

    def __init__(self, options: DuckOptions, registers: Sequence[str] = ()) -> None:
        self._registers = registers
        self.duckdb = _import_duckdb()
        self._own_folder = None if options.temporary else tempfile.mkdtemp(prefix="regtap-query-")
        try:
            self.connection = self._connect(options)
        except BaseException:
            self._remove_folder()
            raise

    def run(self, work: Callable[[], _T], question: str) -> _T:
        """Run a call of the connection for a question; Ctrl-C ends it at once.

        Raises:
            QuestionError: DuckDB refuses or gives up.
        """
        try:
            return run_interruptibly(work, self.connection.interrupt)
        except (self.duckdb.Error, OSError) as error:  # Arrow's reader fails as OSError
            raise self._question_error(error, question) from error

    def close(self) -> None:
        """Close the connection and remove the temporary folder."""
        self.connection.close()
        self._remove_folder()

    def _question_error(self, error: BaseException, question: str) -> QuestionError:
        """Return what is wrong with a question, on one line: DuckDB's message, its picture of the place in words."""
        from regtap_analysis.queries.hints import hint

        message = str(error)
        if better := hint(message, question, self._registers):
            return QuestionError(better)
        place = _PLACE.search(message)
        if place is None:
            return QuestionError(" ".join(message.split()))
        shown, indent = place[2], len(place[3]) - len(f"LINE {place[1]}: ")
        near = shown[max(indent, 0) :][:40]
        return QuestionError(f"{' '.join(message[: place.start()].split())} (line {place[1]}, at: {near})")

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
            return self.duckdb.connect(config=settings)
        except self.duckdb.Error as error:
            raise RefusedError(
                f"DuckDB does not start ({_first_line(error)})", remedy="check the options"
            ) from error

    def _remove_folder(self) -> None:
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)


def _import_duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise RefusedError("DuckDB is not installed", remedy="pip install 'regtap[query]'") from error
    return duckdb


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
