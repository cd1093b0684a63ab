"""Files that another user, or another capture, laid where a trace's own are looked for: never believed."""

from __future__ import annotations

import os
import pwd
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.journals import HandJournal
from tests.spools import IDENTITY, SpoolImage, assert_truth, leave_behind, write_check, write_pointer

from regtap.cli.main import main
from regtap.errors import RefusedError, StorageError, TraceError
from regtap.recovery import inventory
from regtap.recovery.complete import recover
from regtap.recovery.inventory import list_spools, remove_empty
from regtap.recovery.search import pointer_state
from regtap.spool.document import parse_document
from regtap.spool.location import new_spool_path, spool_paths

NOBODY = pwd.getpwnam("nobody").pw_uid
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away; CI runs as root")


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A path for a spool in shared memory; nothing is left there."""
    path = Path(new_spool_path())
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of shared memory, for `recover --list`."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(inventory, "spool_paths", lambda: spool_paths(str(folder)))
    return folder


def filled(trace: Path | str = "/nowhere") -> SpoolImage:
    image = SpoolImage(trace)
    image.full_block(20)
    return image


def give_away(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def replace_by_a_copy(path: Path) -> None:
    data = path.read_bytes()
    path.rename(path.with_name("kept"))
    path.write_bytes(data)
    path.chmod(0o600)


IMPOSTORS: dict[str, Callable[[Path, Path], None]] = {
    "another user's": lambda run, spool: give_away(spool),
    "one that others may read": lambda run, spool: spool.chmod(0o640),
    "another file": lambda run, spool: replace_by_a_copy(spool),
    "one of another boot": lambda run, spool: write_pointer(run, spool, boot_id="another"),
    "one of another capture": lambda run, spool: write_pointer(run, spool, identity=IDENTITY[::-1]),
}


@pytest.mark.parametrize("impostor", [pytest.param(it, marks=as_root) for it in IMPOSTORS])
def test_an_impostor_of_a_spool_is_not_believed(run: Path, spool: Path, impostor: str) -> None:
    leave_behind(filled(), run, spool)
    IMPOSTORS[impostor](run, spool)

    with pytest.raises(StorageError, match="is gone"):
        recover(run)

    assert os.listdir(run) == ["_spool"]
    assert spool.exists()


@as_root
def test_a_journal_is_used_where_an_impostor_has_the_spools_name(run: Path, spool: Path) -> None:
    image = filled()
    leave_behind(image, run, spool)
    with HandJournal(image, run) as journal:
        journal.turn()
    give_away(spool)

    recover(run)

    assert_truth(run, 20)
    assert spool.exists()


def writable(path: Path) -> None:
    path.chmod(0o620)


@pytest.mark.parametrize("change", [pytest.param(give_away, marks=as_root), writable])
def test_a_pointer_that_others_can_have_written_is_not_believed(
    run: Path, spool: Path, change: Callable[[Path], None]
) -> None:
    leave_behind(filled(), run, spool)
    change(run / "_spool")

    with pytest.raises(TraceError, match=r"another user|other users"):
        recover(run)

    assert os.listdir(run) == ["_spool"]


@pytest.mark.parametrize("change", [pytest.param(give_away, marks=as_root), writable])
def test_a_journal_that_others_can_have_written_is_not_believed(
    run: Path, change: Callable[[Path], None]
) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
    change(run / "_journal-05")

    with pytest.raises(TraceError, match=r"_journal-05.*(another user|other users)|other users.*_journal-05"):
        recover(run)


@as_root
def test_another_users_trace_is_refused(run: Path, spool: Path) -> None:
    leave_behind(filled(), run, spool)
    give_away(run)

    with pytest.raises(RefusedError, match="belongs to nobody, not to root"):
        recover(run)


@as_root
def test_another_users_spool_cannot_be_named(tmp_path: Path, spool: Path) -> None:
    filled().save(spool)
    give_away(spool)

    with pytest.raises(RefusedError, match="belongs to nobody, not to root"):
        recover(spool, tmp_path / "new")

    assert not (tmp_path / "new").exists()


def test_a_copy_that_is_named_needs_only_to_be_ones_own(tmp_path: Path, spool: Path) -> None:
    filled().save(spool)
    spool.chmod(0o644)

    recover(spool, tmp_path / "new")

    assert_truth(tmp_path / "new", 20)


DAMAGED = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "nested": b"[" * 10_000,
    "large": b" " * 20_000,
    "of an earlier version": b'{"spool": "/dev/shm/regtap-1-00000000", "boot_id": "x"}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_trace_with_a_damaged_pointer_finds_its_spool(run: Path, shared: Path, content: bytes) -> None:
    leave_behind(filled(run), run, shared)
    (run / "_spool").write_bytes(content)

    recover(run)

    assert_truth(run, 20)
    assert os.listdir(run) == ["part-00000.parquet"]
    assert not shared.exists()


def test_a_spool_with_a_damaged_pointer_completes_its_trace(run: Path, shared: Path) -> None:
    leave_behind(filled(run), run, shared)
    (run / "_spool").write_bytes(b"")

    recover(shared)

    assert_truth(run, 20)
    assert not shared.exists()


def test_a_spool_completes_the_named_trace_of_a_damaged_pointer(run: Path, shared: Path) -> None:
    leave_behind(filled(run), run, shared)
    (run / "_spool").write_bytes(b"")

    recover(shared, output=run)

    assert_truth(run, 20)


def test_a_damaged_pointer_and_no_spool_is_one_error(run: Path) -> None:
    run.mkdir()
    (run / "_spool").touch(0o600)

    with pytest.raises(TraceError, match="_spool does not tell where the spool is"):
        recover(run)


def test_several_spools_for_a_damaged_pointer_are_named(run: Path, shared: Path) -> None:
    leave_behind(filled(run), run, shared)
    (run / "_spool").write_bytes(b"")
    second = filled(run).save(Path(new_spool_path()))

    try:
        with pytest.raises(TraceError, match="several spools name it"):
            recover(run)
    finally:
        second.unlink()


@as_root
def test_list_names_foreign_spools_and_opens_none(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(1000):
        path = listed / f"regtap-{k}-00000000"
        path.touch()
        os.truncate(path, 3 << 30)
        give_away(path)
    flags = []
    opened = os.open

    def noted(path: str, how: int, *rest: int) -> int:
        flags.append(how)
        return opened(path, how, *rest)

    monkeypatch.setattr(os, "open", noted)
    found = list_spools()

    assert {(it.state, it.owner, it.trace) for it in found} == {("foreign", "nobody", None)}
    assert len(found) == len(flags) == 1000
    assert all(how & os.O_PATH for how in flags)


def test_list_looks_into_no_spool_that_others_may_open(listed: Path) -> None:
    filled().save(listed / "regtap-1-00000000").chmod(0o644)

    assert [it.state for it in list_spools()] == ["foreign"]


def claim_blocks(image: SpoolImage) -> None:
    image.header["block_count"] = (1 << 32) - 1
    image.header["open"] = image.header["sealed"] = (1 << 32) - 1
    write_check(image.memory, "<u4")


def claim_document(image: SpoolImage) -> None:
    image.header["document_bytes"] = 3 << 30
    write_check(image.memory, "<u4")


@pytest.mark.parametrize("claim", [claim_blocks, claim_document])
def test_list_leaves_out_a_spool_whose_sizes_cannot_be(
    listed: Path, claim: Callable[[SpoolImage], None]
) -> None:
    image = filled()
    claim(image)
    os.truncate(image.save(listed / "regtap-1-00000000"), 4 << 30)

    assert list_spools() == []


BOMBS = {
    "nested": b"[" * 200_000 + b"]" * 200_000,
    "wide": b"[" + b"[]," * 300_000 + b"0]",
    "large": b" " * (1 << 21),
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_a_document_is_bounded_before_it_is_used(body: bytes) -> None:
    with pytest.raises(TraceError, match="its document is not one that this regtap reads"):
        parse_document(b"%08x %b" % (zlib.crc32(body), body), "the spool")


def test_list_counts_a_spools_samples(listed: Path) -> None:
    filled("/its/trace").save(listed / "regtap-1-00000000")

    (found,) = list_spools()

    assert (found.state, found.samples, found.trace) == ("cut off", 20, "/its/trace")


@pytest.mark.parametrize("size", [0, 35 << 20])
def test_an_empty_spool_is_removed(shared: Path, size: int) -> None:
    shared.touch(0o600)
    with shared.open("r+b") as file:
        if size:
            os.posix_fallocate(file.fileno(), 0, size)

    assert remove_empty(str(shared)) == size
    assert not shared.exists()


def test_a_spool_that_was_laid_out_for_no_trace_is_removed(shared: Path, tmp_path: Path) -> None:
    SpoolImage(tmp_path / "never made").save(shared)

    assert remove_empty(str(shared)) is not None
    assert not shared.exists()


def test_a_spool_with_samples_or_a_trace_is_not_removed(shared: Path, run: Path) -> None:
    filled("/not/here").save(shared)
    assert remove_empty(str(shared)) is None
    run.mkdir()
    SpoolImage(run).save(shared)

    assert remove_empty(str(shared)) is None
    assert shared.exists()


def test_a_spool_that_is_being_made_is_left_alone(shared: Path) -> None:
    import fcntl

    shared.touch(0o600)
    with shared.open("rb") as recorder:
        fcntl.flock(recorder, fcntl.LOCK_EX)
        with pytest.raises(RefusedError, match="in use"):
            remove_empty(str(shared))

    assert shared.exists()


def test_an_empty_file_elsewhere_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "regtap-1-00000000").touch(0o600)

    assert remove_empty(str(tmp_path / "regtap-1-00000000")) is None
    assert (tmp_path / "regtap-1-00000000").exists()


def test_a_journal_that_claims_a_spool_of_exabytes_is_refused(run: Path) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
    import numpy as np

    from regtap.journal.layout import SEGMENT, check_of

    for path in sorted(run.glob("_journal-*")):
        data = np.fromfile(path, dtype=np.uint8)
        header = data[: SEGMENT.itemsize].view(SEGMENT)
        header["spool_bytes"] = 1 << 60
        base = data[SEGMENT.itemsize :][: int(header["base_bytes"][0])]
        header["check"] = check_of(header, base)
        data.tofile(path)

    with pytest.raises(TraceError, match="no file of its journal can be read"):
        recover(run)


def test_an_escape_sequence_in_a_spool_is_listed_as_text(
    listed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(listed / "run\x1b[2J").save(listed / "regtap-1-00000000").chmod(0o600)

    main(["recover", "--list"])

    printed = capsys.readouterr().out
    assert "\\x1b[2J" in printed
    assert "\x1b" not in printed


def test_a_spool_that_cannot_be_read_is_closed(run: Path, spool: Path) -> None:
    leave_behind(SpoolImage(run, document=b"no document"), run, spool)
    before = os.listdir("/proc/self/fd")

    with pytest.raises(TraceError, match="document"):
        pointer_state(run).open_spool(run)

    assert os.listdir("/proc/self/fd") == before
