"""A result as text for a terminal and as Markdown, from the result alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.documents.text import markdown_text
from regtap.units.format import format_size
from regtap_bench.arms.base import LATENCY, THROUGHPUT
from regtap_bench.arms.catalogue import LOAD, PREAD
from regtap_bench.figures.judgement import EMULATED
from regtap_bench.markdown import bullets, markdown_table
from regtap_bench.page.tables import Table, TableRow
from regtap_bench.report import figures_text as say
from regtap_bench.report.crossover_text import crossover_lines, crossover_table

if TYPE_CHECKING:
    from regtap_bench.figures.result import Cost, Result, Row

_HEADINGS = (
    "arm",
    "back to back, ns",
    "one at a time, ns",
    "x baseline",
    "minus baseline, ns",
    "verdict",
    "system calls",
)
_CONTROL_CELLS = 4  # of _HEADINGS: controls are compared with nothing
_BUS_NS = 500.0  # of the sentence's example; measured buses: 100 ns to 5 us
_TYPE_BITS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "u16be": 16, "u32be": 32, "u64be": 64}


def title(result: Result) -> str:
    """Return the heading of a report."""
    return f"What an access costs: {result.register['name']} of {result.target}"


def sentence(result: Result) -> str:
    """Return the verdict in one sentence, and a second sentence on an emulated machine."""
    is_emulated = any(finding.name == EMULATED for finding in result.findings)
    said = _verdict(result)
    return f"{said} The machine is emulated: these are costs of no hardware." if is_emulated else said


def _verdict(result: Result) -> str:
    if not result.valid:
        failed = "; ".join(f"{check.name}: {check.text}" for check in result.checks if not check.passed)
        return f"INVALID, no figure of this run may be used ({failed})."
    bits = _TYPE_BITS[str(result.register["type"])]
    where = "device" if result.is_device else "RAM-backed target"
    load, pread = result.row(LOAD), result.row(PREAD)
    assert load is not None  # noqa: S101 - every run has both arms
    assert pread is not None  # noqa: S101
    costs = f"A {bits}-bit read costs {_plain(load)} by mmap"
    if pread.refused or load.refused:
        other = pread if pread.refused else load
        return f"{costs if pread.refused else f'A {bits}-bit read costs {_plain(pread)} by pread'} on this {where}; \
{other.arm} is not to be had here ({other.refused})."
    return f"{costs} and {_plain(pread)} by pread on this {where}{_times(load)}{_forecast(result, pread)}."


def _plain(row: Row) -> str:
    cost = row.cost(THROUGHPUT)
    assert cost is not None, row.arm  # noqa: S101 - it was measured
    return f"<= {say.digits_up(cost.ns.high)} ns" if cost.is_bound else f"{say.digits(cost.ns.value)} ns"


def _times(load: Row) -> str:
    ratio = load.ratio
    if ratio is None:
        return ""  # pread itself is a bound
    if load.ratio_is_bound:
        return f": at least {say.digits_down(1 / ratio.high)} x"
    return f": {say.digits(1 / ratio.value)} x [{say.digits(1 / ratio.high)}, {say.digits(1 / ratio.low)}]"


def _forecast(result: Result, pread: Row) -> str:
    cost = pread.cost(THROUGHPUT)
    if result.is_device or cost is None:
        return ""
    ratio = (cost.ns.value + _BUS_NS) / _BUS_NS
    return f"; on a bus of {_BUS_NS:.0f} ns the same software would give about {ratio:.1f} x"


def _table_row(row: Row) -> TableRow:
    if row.refused:
        return TableRow((row.arm,), row.refused)
    cells = (
        row.arm,
        say.cost_text(row.cost(THROUGHPUT)),
        say.cost_text(row.cost(LATENCY)),
        say.ratio_text(row),
        say.difference_text(row),
        row.verdict or say.NOTHING,
        say.calls_text(row),
    )
    return TableRow(cells)


def arm_table(result: Result) -> Table:
    """Return the table of the arms, a row for each; a refused arm has its refusal."""
    return Table(_HEADINGS, tuple(_table_row(row) for row in result.rows if row.kind != "control"))


def control_table(result: Result) -> Table:
    """Return the table of the controls, a row for each."""
    controls = [_table_row(row) for row in result.rows if row.kind == "control"]
    return Table(_HEADINGS[:_CONTROL_CELLS], tuple(row.first_cells(_CONTROL_CELLS) for row in controls))


def quality_table(result: Result) -> Table:
    """Return the table of the series, a row for each: the amount and the quality of its data."""
    rows = [
        _quality(f"{row.arm}, {measure}", cost)
        for row in result.rows
        for measure, cost in (row.costs or {}).items()
    ]
    bulk = [
        _quality(f"{format_size(point.size_bytes)} by {point.way}", point.cost)
        for point in result.crossover
        if point.cost is not None
    ]
    return Table(_QUALITY, tuple(TableRow(cells) for cells in (*rows, *bulk)))


def text_lines(result: Result) -> list[str]:
    """Return the lines for a terminal."""
    return [
        sentence(result),
        "",
        *arm_table(result).lines(),
        "",
        *crossover_lines(result),
        *([""] if result.crossover else []),
        "controls",
        *control_table(result).lines(),
        "",
        *(f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.text}" for check in result.checks),
        "",
        *(f"note: {finding.text}{_remedy(finding.remedy)}" for finding in result.findings),
        *legend(result),
    ]


def markdown(result: Result) -> str:
    """Return the text of report.md."""
    descriptions = [row.description for row in result.rows if row.kind != "control"]
    arms = zip(arm_table(result).grid(), ["what it is", *descriptions], strict=True)
    facts = {**result.environment, **result.load}
    parts = [
        f"# {markdown_text(title(result))}, {markdown_text(result.created_utc)}\n",
        f"**{markdown_text(sentence(result))}**\n",
        markdown_table([(*cells, description) for cells, description in arms]),
        *_crossover(result),
        "## Controls\n",
        markdown_table(control_table(result).grid()),
        bullets(f"{'passed' if it.passed else '**FAILED**'}: {it.name}: {it.text}" for it in result.checks),
        "## How it was measured\n",
        bullets(legend(result)),
        markdown_table(quality_table(result).grid()),
        "## The machine\n",
        bullets(f"{it.name}: {it.text}{_remedy(it.remedy)}" for it in result.findings),
        markdown_table([("fact", "value"), *((name, str(value)) for name, value in facts.items())]),
    ]
    return "\n".join(part for part in parts if part)


def _crossover(result: Result) -> list[str]:
    if not result.crossover:
        return []
    table = crossover_table(result)
    return [
        "## Many bytes at once\n",
        bullets(crossover_lines(result)),
        markdown_table(table) if len(table) > 1 else "",
    ]


_QUALITY = (
    "series",
    "accesses in a block",
    "rounds",
    "call and timer, ns a block",
    "share of the block",
    "off the line",
    "disturbed (switch, move, steal)",
    "undisturbed only, ns",
)


def _quality(series: str, cost: Cost) -> tuple[str, ...]:
    quiet = say.NOTHING if cost.undisturbed_ns is None else say.digits(cost.undisturbed_ns)
    return (
        series,
        ", ".join(f"{count:,}" for count in cost.counts),
        f"{cost.rounds:,}",
        say.NOTHING if cost.intercept_ns is None else f"{cost.intercept_ns:.0f}",
        say.NOTHING if cost.overhead_share is None else f"{100 * cost.overhead_share:.2f} %",
        f"{100 * cost.bend:+.2f} %",
        _disturbed(cost),
        quiet,
    )


def _disturbed(cost: Cost) -> str:
    causes = ", ".join(f"{100 * share:.1f}" for share in cost.disturbances.values())
    return f"{100 * cost.disturbed_share:.1f} % ({causes})"


def legend(result: Result) -> list[str]:
    """Return the legend of the tables, line by line."""
    kind = "a device" if result.is_device else "RAM-backed: its mmap/pread ratio is not that of a real bus"
    return [
        f"target {result.target}, {kind}; register {result.register['name']} at "
        f"{int(result.register['address']):#x} ({result.register['type']})",
        f"baseline {result.baseline}; margin {100 * result.margin.value:.2g} % ({result.margin.source})",
        f"{result.processes} fresh processes; intervals at 95 %, by a bootstrap over processes and rounds; "
        "<= is a bound: below 10 ns the loop cannot be told from the access",
        "identical code differs by a few percent between fresh processes, by how memory, caches and branch predictors "
        "fall out, so intervals span processes",
        "each process is single-threaded: a second thread makes system calls dearer, since the kernel then counts who "
        "uses the file",
        f"repeat with: {result.command}",
    ]


def _remedy(remedy: str) -> str:
    return f" ({remedy})" if remedy else ""
