"""Root is for mapping: afterwards nothing of it is left in any thread, and the files are the user's."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
from tests.vm.guest import Run
from tests.vm.judging import assert_refused

import regtap

_RAWIO = 1 << 17
_FIELD = re.compile(r"(\w+):\s*(.*?)\s*")


def threads(run: Run, name: str) -> dict[str, list[dict[str, str]]]:
    """Return what /proc said of each thread while it recorded, by the thread's name."""
    assert (run.files / f"{name}.comm").read_text() == "regtap\n"
    found: dict[str, list[dict[str, str]]] = {}
    for block in (run.files / f"{name}.threads").read_text().split("== ")[1:]:
        title, *lines = block.splitlines()
        fields = [_FIELD.fullmatch(line) for line in lines]
        found.setdefault(title, []).append({match[1]: match[2] for match in fields if match})
    return found


@pytest.mark.parametrize(("name", "number"), [("sudo", 1000), ("named", 65534)])
def test_no_thread_keeps_anything_of_root(refusals: Run, name: str, number: int) -> None:
    assert refusals.tried(name).status == 0
    found = threads(refusals, name)
    assert {"regtap", "regtap-sampler"} <= found.keys()

    for thread in (thread for group in found.values() for thread in group):
        assert thread["Uid"].split() == thread["Gid"].split() == [str(number)] * 4
        assert thread["Groups"].split() == [str(number)]
        assert int(thread["CapPrm"], 16) == int(thread["CapEff"], 16) == int(thread["CapInh"], 16) == 0
        assert int(thread["CapAmb"], 16) == 0


def test_without_a_user_it_stays_root_and_says_so(refusals: Run) -> None:
    """Also what the test above would find if nothing were dropped."""
    outcome = refusals.tried("root")
    assert outcome.status == 0
    assert "running as root to the end" in outcome.stderr

    for thread in (thread for group in threads(refusals, "root").values() for thread in group):
        assert thread["Uid"].split() == ["0"] * 4
        assert thread["Groups"].split() == ["0", "4", "15"]
        assert int(thread["CapEff"], 16) & _RAWIO


@pytest.mark.parametrize(("name", "number"), [("sudo", 1000), ("named", 65534), ("root", 0)])
def test_the_files_belong_to_the_user(refusals: Run, name: str, number: int) -> None:
    owners = (refusals.files / f"{name}.owners").read_text().split("\n")[:-1]
    assert [line.split()[0] for line in owners] == [f"{number}:{number}"] * 2
    assert [line.split()[1] for line in owners] == [name, f"{name}/part-00000.parquet"]


@pytest.mark.parametrize(("name", "number"), [("sudo", 1000), ("named", 65534), ("root", 0)])
def test_the_spool_belongs_to_the_user_alone(refusals: Run, name: str, number: int) -> None:
    assert (refusals.files / f"{name}.spool").read_text() == f"{number}:{number} 600\n"


@pytest.mark.parametrize(("name", "number"), [("sudo", 1000), ("named", 65534)])
def test_the_command_runs_as_the_user(refusals: Run, name: str, number: int) -> None:
    said = (refusals.files / f"{name}.id").read_text()
    assert set(re.findall(r"=(\d+)", said)) == {str(number)}


def test_the_user_s_permissions_decide_where_files_go(refusals: Run) -> None:
    assert_refused(refusals.tried("closed"), "closed/run", "Permission denied", "may write")
    assert list((refusals.files / "closed").iterdir()) == []


def test_an_installation_that_the_user_cannot_read_does_no_harm(refusals: Run) -> None:
    outcome = refusals.tried("unreadable")
    assert outcome.status == 0, outcome

    trace = regtap.open_trace(refusals.files / "unreadable")
    assert trace.rows == 10
    assert trace.host["regtap"] == version("regtap")
