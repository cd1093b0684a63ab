"""Spark lines of `regtap watch`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from regtap.watch.spark import MOST, SparkLine

WORD = st.integers(0, 2**64 - 1)
LOOK = st.tuples(WORD, WORD).map(lambda pair: (min(pair), max(pair)))


def is_drawn(character: str, look: tuple[int, int], looks: list[tuple[int, int]]) -> bool:
    """Whether a character shows a look, at most one level off, in a line of such looks."""
    low, high = look
    lowest = min(low for low, _ in looks)
    span = max(high for _, high in looks) - lowest
    if character == "┃":
        return 2 * (high - low) > span * 6 // 7  # the scale may be off by half a level at each end
    if 2 * (high - low) > span * 8 // 7 + 1:
        return False
    level = (high - lowest) * 7 // span if span else 0
    return abs("▁▂▃▄▅▆▇█".index(character) - level) <= 1


@given(st.lists(LOOK, min_size=1, max_size=2 * MOST + 5))
def test_a_line_is_scaled_by_its_last_looks(looks: list[tuple[int, int]]) -> None:
    check(looks)


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=3 * MOST),
    st.integers(0, 2**63),
)
def test_a_line_of_a_counter_follows_it(steps: list[tuple[int, int]], begin: int) -> None:
    looks = []
    for moved, width in steps:
        begin += moved
        looks.append((begin, begin + width))

    check(looks)


def check(looks: list[tuple[int, int]]) -> None:
    """Check a line after each look."""
    line = SparkLine()
    for number, look in enumerate(looks, start=1):
        text, last = line.add(*look), looks[max(0, number - MOST) : number]
        assert len(text) == len(last)
        assert all(is_drawn(character, it, last) for character, it in zip(text, last, strict=True)), text


def test_a_counter_is_a_ramp_and_a_short_pulse_a_bar() -> None:
    counter, pulsed = SparkLine(), SparkLine()

    for look in range(8):
        ramp, pulse = counter.add(look, look), pulsed.add(0, 1 if look == 5 else 0)

    assert ramp == "▁▂▃▄▅▆▇█"
    assert pulse == "▁▁▁▁▁┃▁▁"
