"""The result of a run, stored in result.json: the only source of every report and comparison.

result.json is one JSON object with the fields of Result by their names, those of the objects in it as the classes
below document them, and `valid` besides. Intervals are objects with value, low and high, at 95 % confidence. Costs
are in ns an access, ratios are plain numbers, shares lie between 0 and 1. A reader looks at `format` and
`format_version` first. The raw blocks lie beside it in raw.parquet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping  # noqa: TC003 - decode() reads the annotations
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from regtap.documents.decoding import Within, decode
from regtap.documents.json_text import Limits, load_json
from regtap.documents.text import shown
from regtap.errors import InputError
from regtap_bench.figures.estimate import Estimate, Figure  # noqa: TC001 - decode() reads the annotations

# 1: never released.
# 2: quantiles_ns and stretches_ns, so that reports and comparisons need nothing else.
FORMAT_VERSION = 2
FORMAT = "regtap-bench"
PERCENTS = tuple(range(101))  # of quantiles_ns
STRETCHES = 40  # of stretches_ns, at most, in each process
MOST_BYTES = 64 << 20
_LIMITS = Limits(size_bytes=MOST_BYTES, containers=1 << 17)
_NUMBERS = re.compile(r"\[\n([^\[\]{}\"]*)\]")  # a line's end is never inside a JSON string

Count = Annotated[int, Within(0, 1 << 50)]
MarginShare = Annotated[float, Within(0, 10)]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of an access in one measure.

    Attributes:
        ns: The cost; the loop is subtracted where `loop_ns` is not 0.
        is_bound: The loop cannot be told from the access: all that can be said is that it costs at most ns.high.
        loop_ns: What was subtracted for the loop (and the fence).
        intercept_ns: What a block costs beside its accesses: call and timer. None: too few rounds were undisturbed to
            tell, so it is part of the cost.
        overhead_share: The same as a share of the shortest block.
        bend: How far the middle block lies off the line through the other two, as a share.
        counts: Accesses in a block.
        rounds: The number of rounds, all processes together.
        disturbed_share: Share of rounds in which something got into one of their blocks, or may have.
        disturbances: The same by cause: `switch` (a forced context switch), `move` (to another CPU), `steal` (the
            hypervisor took time during the round).
        undisturbed_ns: Median without those, the loop not subtracted; None where nothing is left.
        quantiles_ns: Quantiles of the cost by each block at 0, 1, ... 100 %, the loop not subtracted.
        stretches_ns: For each process its rounds in order, cut into at most STRETCHES stretches of about equal
            length: the median of each; the loop is subtracted as in `ns`.
    """

    ns: Estimate
    is_bound: bool
    loop_ns: Figure
    intercept_ns: Figure | None
    overhead_share: Figure | None
    bend: Figure
    counts: tuple[Count, ...]
    rounds: Count
    disturbed_share: Figure
    disturbances: Mapping[str, Figure]
    undisturbed_ns: Figure | None
    quantiles_ns: tuple[Figure, ...]
    stretches_ns: tuple[tuple[Figure, ...], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One arm.

    Attributes:
        arm: Its name.
        description: One line.
        kind: `control`, `native`, `memory` (plain RAM beside a device), `python` or `process`.
        refused: Why the target cannot have it; empty where it was measured.
        costs: By measure: `throughput`, `latency`.
        ratio: Cost over the baseline's, by throughput; None for controls, the baseline, what was refused, and where
            the baseline's own cost is only a bound.
        ratio_is_bound: The ratio is at most this: the arm's cost is a bound.
        difference_ns: Cost minus the baseline's.
        verdict: `faster`, `slower`, `equivalent` or `unresolved` beside the baseline; empty where there is none.
        system_calls: Counted, an access; None where they could not be.
        uncounted: Why the system calls were not counted.
        own_rounds: It is slow, and had rounds of its own: not those of the baseline's row.
    """

    arm: str
    description: str
    kind: str
    refused: str = ""
    costs: Mapping[str, Cost] | None = None
    ratio: Estimate | None = None
    ratio_is_bound: bool = False
    difference_ns: Estimate | None = None
    verdict: str = ""
    system_calls: Figure | None = None
    uncounted: str = ""
    own_rounds: bool = False

    def cost(self, measure: str) -> Cost | None:
        """Return the cost in one measure, or None."""
        return (self.costs or {}).get(measure)


@dataclass(frozen=True, slots=True)
class CrossoverPoint:
    """The cost of reading many bytes at once, in one way.

    Attributes:
        way: `loads` (single ones, of the register's width, 32 bits at least), `memcpy` or `pread`.
        size_bytes: The number of bytes: the aligned block of that size that holds the register.
        cost: Cost of all of them together, the loop around the reads included; None where it was not measured.
        refused: Why it was not measured; empty where it was.
        system_calls: The number of system calls, counted; None where they could not be.
    """

    way: str
    size_bytes: Count
    cost: Cost | None = None
    refused: str = ""
    system_calls: Figure | None = None


@dataclass(frozen=True, slots=True)
class CheaperRange:
    """Sizes at which one of two ways costs less than the other, beyond the margin.

    Attributes:
        cheaper: The cheaper way.
        first_bytes: The smallest size at which it was seen.
        last_bytes: The largest; at none between them was it the other way round.
    """

    cheaper: str
    first_bytes: Count
    last_bytes: Count


@dataclass(frozen=True, slots=True)
class Crossing:
    """The sizes at which each of two ways to read many bytes costs less.

    Attributes:
        one: The first way.
        other: The second.
        ranges: By increasing size, the cheaper way changing from each to the next; empty where nothing resolves.
        equal_bytes: Where both cost the same: one between each two ranges, interpolated.
    """

    one: str
    other: str
    ranges: tuple[CheaperRange, ...]
    equal_bytes: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check of the instrument.

    Attributes:
        name: The name of the check.
        passed: Whether the instrument can be believed.
        text: The result, in words.
    """

    name: str
    passed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Caveat:
    """A fact about the machine with an influence on the figures.

    Attributes:
        name: The name of the fact.
        text: What was found, and what it does to the figures.
        remedy: What to do about it; empty where nothing can be done.
    """

    name: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Margin:
    """The margin: smaller differences count as none.

    Attributes:
        value: As a share.
        source: The origin of the margin.
    """

    value: MarginShare
    source: str


@dataclass(frozen=True, slots=True)
class Result:
    """One run.

    Attributes:
        created_utc: When it ended, ISO 8601.
        command: The command that repeats the run.
        target: As it was spelled.
        is_device: A real bus lies behind the target; otherwise it is RAM, which its ratios say nothing about.
        register: name, address and type of the register that was read.
        write_register: The same of the one that was written, or None.
        mode: `quick` or `full`.
        seed: Seed of the order of the blocks.
        processes: The number of fresh processes.
        baseline: The arm that the others are compared with.
        margin: The margin: smaller differences count as none.
        checks: The results of the controls.
        rows: The arms, controls first.
        findings: About the machine.
        environment: The machine.
        load: The load of the machine.
        workers: Facts about each process.
        crossover: What it costs to read many bytes at once; empty in a quick run.
        crossings: Which way costs less for how many bytes.
        format: FORMAT.
        format_version: FORMAT_VERSION.
    """

    created_utc: str
    command: str
    target: str
    is_device: bool
    register: Mapping[str, Any]
    write_register: Mapping[str, Any] | None
    mode: str
    seed: Count
    processes: Count
    baseline: str
    margin: Margin
    checks: tuple[Check, ...]
    rows: tuple[Row, ...]
    findings: tuple[Caveat, ...]
    environment: Mapping[str, Any]
    load: Mapping[str, Any]
    workers: tuple[Mapping[str, Any], ...]
    crossover: tuple[CrossoverPoint, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    format: str = FORMAT
    format_version: int = FORMAT_VERSION

    @property
    def valid(self) -> bool:
        """Whether every control passed; otherwise no figure of the run may be used."""
        return all(check.passed for check in self.checks)

    def row(self, arm: str) -> Row | None:
        """Return an arm's row, or None."""
        return next((row for row in self.rows if row.arm == arm), None)

    def to_json(self) -> str:
        """Return the text of result.json: a field a line, and a list of numbers on one."""
        text = json.dumps({**asdict(self), "valid": self.valid}, indent=1)
        return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Return the result from a text of to_json().

        Raises:
            InputError: It is something else, damaged, or of another version.
        """
        try:
            given = load_json(text.encode(), _LIMITS)
            if not isinstance(given, dict) or given.get("format") != FORMAT:
                raise ValueError("it names no format")
            version = given["format_version"]
        except (ValueError, KeyError) as error:
            raise InputError("this is no result of `regtap bench`") from error
        if version != FORMAT_VERSION:
            raise InputError(
                f"it has format version {shown(version)}, and this regtap reads {FORMAT_VERSION}; "
                "use the regtap that wrote it, or measure again"
            )
        try:
            return decode(cls, {name: value for name, value in given.items() if name != "valid"})
        except ValueError as error:
            raise InputError(f"the result is damaged: {error}; measure again") from error
