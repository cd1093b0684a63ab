"""Spark lines of `regtap watch`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from regtap.watch.spark import MOST, SparkLine

WORD = st.integers(0, 2**64 - 1)
LOOK = st.tuples(WORD, WORD).map(lambda pair: (min(pair), max(pair)))


def drawn(looks: list[tuple[int, int]]) -> str:
    """Return a line of looks, each of them on its own."""
    lowest = min(low for low, _ in looks)
    span = max(high for _, high in looks) - lowest
    if span == 0:
        return "▁" * len(looks)
    return "".join(
        "┃" if 2 * (high - low) > span else "▁▂▃▄▅▆▇█"[(high - lowest) * 7 // span] for low, high in looks
    )


@given(st.lists(LOOK, min_size=1, max_size=2 * MOST + 5))
def test_a_line_is_scaled_by_its_last_looks(looks: list[tuple[int, int]]) -> None:
    line = SparkLine()

    for number, look in enumerate(looks, start=1):
        assert line.add(*look) == drawn(looks[max(0, number - MOST) : number])


def test_a_counter_is_a_ramp_and_a_short_pulse_a_bar() -> None:
    counter, pulsed = SparkLine(), SparkLine()

    for look in range(8):
        ramp, pulse = counter.add(look, look), pulsed.add(0, 1 if look == 5 else 0)

    assert ramp == "▁▂▃▄▅▆▇█"
    assert pulse == "▁▁▁▁▁┃▁▁"
