"""Files are made with the user's umask, and never through a link that somebody else has laid in the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.command import run_regtap
from tests.conservation import assert_conserved
from tests.spools import SpoolImage, leave_behind

import regtap

RECORD = ["record", "-t", "sim", "COUNT32", "-o", "run", "--rate", "100"]
PART = "part-00000.parquet"


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """What a capture into `run` has left behind."""
    path = tmp_path / "spool"
    image = SpoolImage()
    image.full_block(5)
    leave_behind(image, tmp_path / "run", path)
    return path


@pytest.mark.parametrize(("umask", "folder", "file"), [(0o027, 0o750, 0o640), (0o077, 0o700, 0o600)])
def test_record_heeds_the_umask(tmp_path: Path, umask: int, folder: int, file: int) -> None:
    show_note = ["--", "stat", "-c", "%a", "run/_spool"]
    done = run_regtap(*RECORD, *show_note, cwd=tmp_path, umask=umask)

    assert done.returncode == 0, done.stderr
    assert modes(tmp_path / "run") == {"run": folder, PART: file}
    assert (
        "600" in done.stdout.splitlines()
    )  # the pointer is believed only while nobody else can have written it


def test_recover_heeds_the_umask(tmp_path: Path, spool: Path) -> None:
    done = run_regtap("recover", "run", cwd=tmp_path, umask=0o027)
    assert done.returncode == 0, done.stderr
    assert modes(tmp_path / "run")[PART] == 0o640


# Each command is run while the capture goes on, before its only part is begun.
LINK = [*RECORD, "--", "ln", "-s"]


def test_record_fails_at_a_link_that_recover_then_removes(tmp_path: Path, victim: Path) -> None:
    done = run_regtap(*LINK, str(victim), "run/.part-00000.tmp", cwd=tmp_path)

    assert done.returncode == 4
    assert "File exists" in done.stderr
    assert run_regtap("recover", "run", cwd=tmp_path).returncode == 0
    assert victim.read_text() == "precious"
    assert modes(tmp_path / "run").keys() == {"run", PART}
    assert_conserved(regtap.open_trace(tmp_path / "run"))


def test_a_part_does_not_take_the_place_of_a_link_with_its_name(tmp_path: Path, victim: Path) -> None:
    done = run_regtap(*LINK, str(victim), f"run/{PART}", cwd=tmp_path)
    assert done.returncode == 4
    assert "File exists" in done.stderr
    assert victim.read_text() == "precious"
    (tmp_path / "run" / PART).unlink()

    assert run_regtap("recover", "run", cwd=tmp_path).returncode == 0
    assert_conserved(regtap.open_trace(tmp_path / "run"))


def test_recover_takes_no_link_for_a_part_that_it_may_write(
    tmp_path: Path, victim: Path, spool: Path
) -> None:
    (tmp_path / "run" / PART).symlink_to(victim)
    done = run_regtap("recover", "run", cwd=tmp_path)

    assert done.returncode == 2
    assert "no Parquet file" in done.stderr
    assert victim.read_text() == "precious"
    assert spool.exists()


def test_a_link_in_place_of_the_output_is_an_output_that_exists(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    for arguments in (RECORD, ["bench", "-t", "sim", "--quick", "-o", "run"]):
        done = run_regtap(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "exists already" in done.stderr
    assert not (tmp_path / "elsewhere").exists()
