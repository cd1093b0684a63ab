"""A comparison as text for a terminal, as Markdown for a pull request, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from regtap.documents.json_text import dump_json
from regtap.documents.text import markdown_text
from regtap_bench.arms.base import LATENCY
from regtap_bench.figures.comparability import unlike, worth_a_note
from regtap_bench.figures.verdict import Verdict
from regtap_bench.markdown import bullets, markdown_table
from regtap_bench.page.tables import Table, TableRow
from regtap_bench.report import figures_text as say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regtap_bench.figures.comparison import Change, Comparison
    from regtap_bench.figures.estimate import Estimate
    from regtap_bench.figures.result import Result

_NOTABLE = (Verdict.SLOWER, Verdict.FASTER)


def sentence(comparison: Comparison) -> str:
    """Return the verdict in one sentence."""
    parts = [_counted(comparison, verdict) for verdict in Verdict]
    return f"Of {len(comparison.changes)} costs, B beside A: {', '.join(parts)}."


def text_lines(comparison: Comparison) -> list[str]:
    """Return the lines for a terminal."""
    return [
        sentence(comparison),
        "",
        *_table(comparison, comparison.changes).lines(),
        "",
        *_legend(comparison),
    ]


def markdown(comparison: Comparison) -> str:
    """Return a comment for a pull request: the changes, and the rest folded."""
    notable = [it for it in comparison.changes if it.verdict in _NOTABLE]
    rest = [it for it in comparison.changes if it.verdict not in _NOTABLE]
    parts = [
        f"### Access costs: {'slower' if comparison.regressed else 'not slower'}\n",
        f"{markdown_text(sentence(comparison))}\n",
        markdown_table(_table(comparison, notable).grid()) if notable else "",
        _folded("Equivalent and unresolved", markdown_table(_table(comparison, rest).grid())) if rest else "",
        _folded("What was compared, and how", bullets(_legend(comparison))),
    ]
    return "\n".join(part for part in parts if part)


def to_json(comparison: Comparison) -> str:
    """Return the comparison as JSON: both runs, each change, and `regressed`; names as in figures.comparison."""
    before, after = comparison.before, comparison.after
    document = {
        "before": _identity(before),
        "after": _identity(after),
        "unlike": [asdict(it) for it in unlike(before, after)],
        "notes": [asdict(it) for it in worth_a_note(before, after)],
        "changes": [_plain(it) for it in comparison.changes],
        "only_before": comparison.only_before,
        "only_after": comparison.only_after,
        "regressed": comparison.regressed,
    }
    return dump_json(document, indent=1) + "\n"


def _counted(comparison: Comparison, verdict: Verdict) -> str:
    found = [it for it in comparison.changes if it.verdict == verdict]
    if not found or verdict not in _NOTABLE:
        return f"{len(found)} {verdict}"
    return f"{len(found)} {verdict} ({'; '.join(f'{_name(it)} {_ratio(it)}' for it in found)})"


def _table(comparison: Comparison, changes: Iterable[Change]) -> Table:
    beside = f"B / A, each beside its {comparison.before.baseline}"
    headings = ("arm", "A, ns", "B, ns", "B / A", beside, "margin, %", "verdict")
    return Table(headings, tuple(TableRow(_cells(it)) for it in changes))


def _cells(it: Change) -> tuple[str, ...]:
    costs = (say.cost_text(it.before), say.cost_text(it.after))
    beside = say.NOTHING if it.beside_baseline is None else _interval(it.beside_baseline)
    return (_name(it), *costs, _ratio(it), beside, say.digits_up(100 * it.margin), it.verdict.value)


def _name(it: Change) -> str:
    return f"{it.arm}, one at a time" if it.measure == LATENCY else it.arm


def _ratio(it: Change) -> str:
    if it.ratio is not None:
        return _interval(it.ratio)
    if it.limit is None:
        return say.NOTHING
    return (
        f">= {say.digits_down(it.limit)}" if it.verdict == Verdict.SLOWER else f"<= {say.digits_up(it.limit)}"
    )


def _interval(ratio: Estimate) -> str:
    return f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def _legend(comparison: Comparison) -> Sequence[str]:
    before, after = comparison.before, comparison.after
    return [
        f"A: {_described(before)}",
        f"B: {_described(after)}",
        *(f"UNLIKE: {it}" for it in unlike(before, after)),
        *(f"not the same: {it}" for it in worth_a_note(before, after)),
        *(f"only A has measured {arm}" for arm in comparison.only_before),
        *(f"only B has measured {arm}" for arm in comparison.only_after),
        "the verdict is on B / A of the cost itself: 95 % intervals, over the fresh processes of both runs",
        "margin: the largest of both runs' own, of what fresh processes of one run differ by (this arm's, and half of "
        "all arms'), and of what empty loop and timer moved by; nothing inside it is called different, and nothing "
        "equivalent because its own processes scatter",
        "beside its own baseline, the machine's speed of the day cancels, but a change of the baseline hides",
        "<= is a bound: such costs differ only where they cannot overlap",
    ]


def _described(run: Result) -> str:
    return f"{run.created_utc}, {run.mode}, margin {100 * run.margin.value:.2g} %, `{run.command}`"


def _identity(run: Result) -> dict[str, Any]:
    return {"created_utc": run.created_utc, "command": run.command, "margin": run.margin.value}


def _plain(it: Change) -> dict[str, Any]:
    """Return a change with its costs cut down to value, interval and whether they are bounds."""
    costs = {
        name: {**asdict(cost.ns), "is_bound": cost.is_bound}
        for name, cost in (("before_ns", it.before), ("after_ns", it.after))
    }
    rest = {name: value for name, value in asdict(it).items() if name not in ("before", "after")}
    return {**rest, **costs}


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{content}\n</details>\n"
