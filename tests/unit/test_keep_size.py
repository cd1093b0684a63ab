"""`--keep-size` keeps what it says, whatever a row group would have."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conservation import assert_conserved

import regtap
from regtap.errors import InputError
from regtap.spool.size import largest_spool_bytes, shape_of

KEPT = 1 << 20


@pytest.fixture
def device(tmp_path: Path) -> str:
    path = tmp_path / "device"
    path.write_bytes(bytes(4096))
    return f"file:{path}"


@pytest.mark.parametrize("spool_size", [None, "8MiB"])
def test_four_fifths_of_a_small_size_are_kept(device: str, tmp_path: Path, spool_size: str | None) -> None:
    run = tmp_path / "run"
    with regtap.record(
        ["a=0"], run, target=device, samples=6_000_000, keep_size=KEPT, spool_size=spool_size, on_full="wait"
    ) as capture:
        assert capture.wait(120)

    trace = capture.trace()
    assert_conserved(trace)
    assert trace.rotated is not None
    assert 0.8 * KEPT <= sum(path.stat().st_size for path in run.iterdir()) <= KEPT


def test_a_spool_too_large_for_the_size_is_refused(device: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a spool of 1 GiB .* give a --spool-size of 51\.2 MiB at most"):
        regtap.record(["a=0"], tmp_path / "run", target=device, keep_size="1MiB", spool_size="1GiB")

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("most_block_bytes", [1, 52_428, 1 << 20, 1 << 40])
def test_no_block_of_the_largest_spool_is_larger(most_block_bytes: int) -> None:
    size_bytes = min(largest_spool_bytes(most_block_bytes), 1 << 30)

    blocks, _ = shape_of(size_bytes, most_block_bytes)

    assert size_bytes / blocks <= max(most_block_bytes, 32 << 10)
    assert blocks <= 1024
