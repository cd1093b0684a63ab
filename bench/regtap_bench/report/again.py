"""The reports of a run made again, from its result.json alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtap_bench.report.render import sentence
from regtap_bench.report.storage import check_reports_folder, render_reports, store_reports
from regtap_bench.results import open_result

if TYPE_CHECKING:
    from collections.abc import Sequence


def report_again(path: str, output: str | None) -> tuple[str, Sequence[str], str]:
    """Write report.html and report.md of a run; reports of the same run are replaced.

    Args:
        path: The run's folder, or its result.json.
        output: The folder to write to; None: where the result lies.

    Returns:
        The folder, the files' names, and the run's verdict in a sentence.

    Raises:
        InputError: There is no result, or another file of such a name.
        StorageError: The system refused.
    """
    result = open_result(path)
    folder = output or (path if os.path.isdir(path) else os.path.dirname(path) or os.curdir)
    check_reports_folder(folder, result)
    files = render_reports(result)
    store_reports(files, folder)
    return folder, tuple(files), sentence(result)
