"""The traces of a page, opened and closed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.synthetic import counter_trace

from regtap.errors import InputError
from regtap_analysis.view.session import Session


def test_a_page_that_cannot_be_made_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr("regtap.follow.live._MEMORY", str(memory))

    with pytest.raises(InputError, match="nothing called 'NONE'"):
        Session([counter_trace(tmp_path / "run")], ["NONE"])

    assert list(memory.iterdir()) == []
