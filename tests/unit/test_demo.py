"""The pieces of `regtap demo`; the command itself runs in the integration tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.synthetic import counter_trace

from regtap_analysis import demo
from regtap_analysis.view.session import Session


@pytest.mark.parametrize("failing", [False, True])
def test_the_session_of_its_page_is_closed(
    failing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Session] = []
    close = Session.close

    def count(session: Session) -> None:
        closed.append(session)
        close(session)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Session, "close", count)
    if failing:
        monkeypatch.setattr(demo, "export", fail)
    trace = counter_trace(tmp_path / "run")

    if failing:
        with pytest.raises(OSError, match="No space left"):
            demo._export(trace, tmp_path / "view.html")
    else:
        demo._export(trace, tmp_path / "view.html")

    assert len(closed) == 1
