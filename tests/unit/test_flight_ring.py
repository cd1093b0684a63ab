"""The ring of a flight recorder, as its two ends share it: what is held stays, all else is overwritten oldest first."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.flight_captures import released_word

from regtap import _native
from regtap.recording.options import RecordOptions
from regtap.sampling.sampler import make_sampler
from regtap.spool.block import Block
from regtap.spool.layout import HELD
from regtap.spool.own import OwnSpool
from regtap.spool.ring import Ring
from regtap.targets import parse_target

SIZE = 512 << 10  # 32 blocks of about a thousand rows: a lap takes a millisecond


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ring") / "device"
    path.write_bytes(bytes(4096))
    return path


@dataclass
class RunningLoop:
    """A running sampler over a ring; what was held so far."""

    ring: Ring
    sampler: _native.Sampler
    end: int = 0  # index after the last block that was looked at
    tick: int = 0
    overwritten: int = 0
    hashes: dict[int, bytes] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        return self.sampler.progress().taken

    def wait_for_laps(self, count: float = 1.5) -> None:
        until = self.taken + round(count * self.ring.block_count * self.ring.rows_per_block)
        while self.taken < until and self.sampler.running():
            time.sleep(0.0005)

    def hash_of(self, sequence: int) -> bytes:
        block = self.ring.block(sequence)
        said = f"{block.first_index} {block.gaps}".encode()
        return hashlib.sha256(block.ticks.tobytes() + block.columns[0].tobytes() + said).digest()

    def hold(self, share: float = 1) -> tuple[int, int]:
        """Hold a share of the ring, the newest, and take note of all that is in it."""
        oldest, sealed = self.sampler.hold_newest(round(share * self.ring.block_count))
        self.hashes = {sequence: self.hash_of(sequence) for sequence in range(oldest, sealed)}
        return oldest, sealed

    def assert_unchanged(self, first: int) -> None:
        for sequence, before in self.hashes.items():
            if sequence >= first:
                assert self.hash_of(sequence) == before, f"block {sequence} was filled while it was held"

    def look(self, oldest: int, sealed: int) -> None:
        """Account for every block that is held, and for what lies before each."""
        for sequence in range(oldest, sealed):
            block = self.ring.block(sequence)
            assert block.first_index >= self.end, "it was seen before"
            if sequence > oldest:
                assert block.first_index == self.end, "what is held has a hole"
            self.overwritten += block.first_index - self.end
            self._follow(block)

    def _follow(self, block: Block) -> None:
        ticks = block.ticks.astype(np.int64)
        assert np.all(np.diff(ticks) >= 0), "two laps in one block"
        if block.rows:
            assert ticks[0] >= self.tick
            self.tick = int(ticks[-1])
        self.end = block.first_index + block.rows + sum(gap.count for gap in block.gaps)


@contextmanager
def running(device: Path, **options: object) -> Iterator[RunningLoop]:
    target = parse_target(f"file:{device}")
    registers = target.resolve(["a=0:u32"])
    spool = OwnSpool(SIZE)
    try:
        ring = spool.format(registers, b"{}", latency=False)
        with target.open(registers) as opened:
            asked = RecordOptions(on_full="overwrite", **options)  # type: ignore[arg-type]
            plan = asked.plan(_native.best_source(False), ring.block_count, None)
            sampler = make_sampler(ring.memory, opened, registers, plan)
            sampler.start()
            try:
                yield RunningLoop(ring, sampler)
            finally:
                sampler.stop()
                sampler.join()
    finally:
        spool.remove()
        spool.close()


def test_the_oldest_blocks_are_overwritten_while_not_held(device: Path) -> None:
    with running(device) as loop:
        loop.wait_for_laps(3)
        assert loop.sampler.progress().lost == 0
        oldest, sealed = loop.hold()
        assert oldest > 2 * loop.ring.block_count
        assert sealed - oldest >= loop.ring.block_count - 1
        assert loop.ring.released() == oldest


def test_held_blocks_stay_as_they_are_while_the_loop_goes_on(device: Path) -> None:
    with running(device) as loop:
        for _ in range(20):
            loop.wait_for_laps()
            oldest, sealed = loop.hold()
            loop.look(oldest, sealed)
            loop.wait_for_laps(3)
            assert loop.ring.released() == oldest
            loop.assert_unchanged(oldest)
            loop.sampler.release(sealed)
            loop.sampler.end_hold()


def test_a_hold_gives_up_what_is_not_wanted_in_the_same_step(device: Path) -> None:
    with running(device, samples=50_000) as loop:
        loop.sampler.join()  # else it may overwrite more, before the next call
        first = loop.ring.sealed() - 3
        assert loop.ring.released() < first
        assert loop.sampler.hold(first) == (first, first + 3)
        assert released_word(loop.ring) == first | HELD


def test_a_ring_that_is_held_stays_as_it_is_at_a_second_hold(device: Path) -> None:
    with running(device) as loop:
        loop.wait_for_laps()
        oldest, sealed = loop.hold()
        assert loop.sampler.hold(sealed)[0] == oldest
        assert loop.sampler.hold_newest(1)[0] == oldest
        assert loop.ring.released() == oldest


def test_the_newest_blocks_are_held_as_they_are_at_that_moment(device: Path) -> None:
    with running(device, samples=50_000) as loop:
        loop.sampler.join()
        sealed = loop.ring.sealed()
        assert loop.sampler.hold_newest(3) == (sealed - 3, sealed)
        loop.sampler.end_hold()
        assert loop.sampler.hold_newest(sealed + 1) == (sealed - 3, sealed)


def test_the_loop_drops_and_counts_when_all_is_held(device: Path) -> None:
    with running(device) as loop:
        loop.wait_for_laps()
        loop.hold()
        loop.wait_for_laps()
        assert loop.sampler.progress().lost > 0


def test_the_loop_goes_on_in_released_blocks(device: Path) -> None:
    with running(device) as loop:
        loop.wait_for_laps()
        oldest, sealed = loop.hold()
        loop.wait_for_laps()
        for first in range(oldest, sealed, 4):
            loop.sampler.release(first)
            loop.wait_for_laps(0.2)
            loop.assert_unchanged(first)
        assert loop.ring.sealed() > sealed


def test_what_was_let_go_without_a_release_is_overwritten_again(device: Path) -> None:
    with running(device) as loop:
        loop.wait_for_laps()
        oldest, _ = loop.hold()
        loop.sampler.end_hold()
        loop.wait_for_laps(3)
        assert loop.ring.released() > oldest


def test_a_release_keeps_the_hold(device: Path) -> None:
    with running(device) as loop:
        loop.wait_for_laps()
        oldest, _ = loop.hold()
        loop.sampler.release(oldest + 1)
        assert released_word(loop.ring) == (oldest + 1) | HELD


@pytest.mark.parametrize("rate", [None, Fraction(1, 100), Fraction(1000), Fraction(50_000_000)])
def test_seal_hands_over_what_was_taken_so_far(device: Path, rate: Fraction | None) -> None:
    """Also out of the sleep of a slow schedule, and from one that is always late."""
    with running(device, rate_hz=rate) as loop:
        while loop.taken + loop.sampler.progress().missed == 0:  # who is always late takes nothing
            time.sleep(0.0005)
        loop.sampler.seal()
        assert loop.ring.sealed() > 0
        assert loop.sampler.running()


def test_seal_after_the_end_returns(device: Path) -> None:
    with running(device, samples=10) as loop:
        loop.sampler.join()
        loop.sampler.seal()
        assert loop.ring.sealed() == 1


def test_blocks_say_how_many_slots_were_missed_before_them(device: Path) -> None:
    with running(device, rate_hz=Fraction(50_000_000)) as loop:  # more than the loop can do
        while loop.ring.released() < 3 and loop.sampler.running():
            time.sleep(0.0005)
        oldest, sealed = loop.hold()
        blocks = [loop.ring.block(sequence) for sequence in range(oldest, sealed)]
        assert blocks[0].missed_before > 0
        for before, after in pairwise(blocks):
            assert after.missed_before == before.missed_after


STEPS = st.lists(
    st.tuples(st.sampled_from(["seal", "hold", "hold half", "free", "let go"]), st.floats(0, 2)),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(steps=STEPS, paced=st.booleans())
def test_a_slow_snapshot_on_any_schedule_counts_every_sample(
    device: Path, steps: list[tuple[str, float]], paced: bool
) -> None:
    with running(device, rate_hz=Fraction(3_000_000) if paced else None) as loop:
        held: tuple[int, int] | None = None
        for step, laps in steps:
            loop.wait_for_laps(laps)
            if step == "seal":
                loop.sampler.seal()
            elif step.startswith("hold") and held is None:
                held = loop.hold(0.5 if step == "hold half" else 1)
                loop.look(*held)
            elif held is not None:
                first, sealed = held
                loop.assert_unchanged(first)
                held = (first + (sealed - first) // 2, sealed) if step == "free" else None
                loop.sampler.release(sealed if held is None else held[0])
                if held is None:
                    loop.sampler.end_hold()
        loop.sampler.stop()
        loop.sampler.join()
        if held is not None:
            loop.assert_unchanged(held[0])
            loop.sampler.release(held[1])
        loop.look(*loop.hold())
        gaps = loop.ring.overflow_gaps()
        progress = loop.sampler.progress()
        end = gaps[-1].first_index + gaps[-1].count if gaps else loop.end
        assert end == (progress.due if paced else progress.taken)
