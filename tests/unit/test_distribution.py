"""Counting whole numbers in bounded memory: exact, or right to a stated share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap_analysis.statistics.distribution import Distribution

NUMBERS = st.one_of(st.integers(0, 300), st.integers(0, 1 << 20), st.integers(0, 2**64 - 1))
THOUSANDTHS = (10, 500, 990, 999, 1000)


def added(batches: list[list[int]], limit: int = 1 << 12) -> Distribution:
    found = Distribution(limit)
    for batch in batches:
        found.add(np.array(batch, np.uint64))
    return found


def nearest_rank(numbers: list[int], thousandths: int) -> int:
    return sorted(numbers)[max(-(-thousandths * len(numbers) // 1000), 1) - 1]


@given(st.lists(st.lists(NUMBERS, max_size=40), max_size=5))
def test_few_different_numbers_are_counted_exactly(batches: list[list[int]]) -> None:
    found = added(batches)

    numbers = sorted(number for batch in batches for number in batch)
    assert found.count == len(numbers)
    assert found.total == sum(numbers)
    values, counts = found.items()
    assert np.repeat(values, counts).tolist() == numbers
    if numbers:
        assert (found.least, found.most) == (numbers[0], numbers[-1])
        for share in THOUSANDTHS:
            assert found.percentile(share) == nearest_rank(numbers, share)


@pytest.mark.parametrize("top", [1 << 20, 1 << 40, 1 << 62])
def test_many_different_ones_stay_bounded_and_right_to_a_share(top: int) -> None:
    random = np.random.default_rng(3)
    numbers = np.exp(random.uniform(np.log(4096), np.log(top), 200_000)).astype(np.uint64)
    found = Distribution(1 << 12)

    for batch in np.split(numbers, 20):
        found.add(batch)

    assert found.bits < 64
    assert len(found.items()[0]) <= 1 << 12
    assert (found.count, found.total) == (len(numbers), sum(numbers.tolist()))
    assert (found.least, found.most) == (numbers.min(), numbers.max())
    for share in THOUSANDTHS:
        exact, rounded = nearest_rank(numbers.tolist(), share), found.percentile(share)
        assert rounded is not None
        assert exact * (1 - 2.0 ** (1 - found.bits)) <= rounded <= exact


def test_numbers_below_the_limit_stay_exact_among_large_ones() -> None:
    random = np.random.default_rng(4)
    small, large = random.integers(0, 4096, 1000), random.integers(1 << 30, 1 << 40, 100_000)
    found = Distribution(1 << 12)

    found.add(np.concatenate([small, large]))

    values, counts = found.items()
    assert np.repeat(values, counts)[:1000].tolist() == sorted(small.tolist())


def test_the_numbers_above_one_are_counted() -> None:
    found = added([[1, 5, 5, 9, 100_000]])

    assert [found.above(number) for number in (0, 5, 9, 99_999, 100_000)] == [5, 2, 1, 1, 0]


def test_without_numbers_there_is_no_percentile() -> None:
    found = Distribution()

    assert (found.count, found.mean, found.percentile(500)) == (0, None, None)
