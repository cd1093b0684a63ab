"""The table, as a document for people and for machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from regtap_bench.characteristics.counting import COLUMNS, bars_of, cells_of
from regtap_bench.characteristics.plan import PROCESSES
from regtap_bench.characteristics.summary import circumstances_of, effect_estimates
from regtap_bench.markdown import bullets, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap_bench.characteristics.counting import Cell
    from regtap_bench.characteristics.judging import Judgement

FORMAT, FORMAT_VERSION = "regtap-bench-characteristics", 1
_FOUND = ("machine", "injected", "measured, mean", "sd", "farthest off")
_CIRCUMSTANCES = ("machine", "trials", "rounds", "measuring", "with start-up", "CPU of others", "stolen")


def to_json(judgement: Judgement) -> str:
    """Return everything as a JSON document; shares lie between 0 and 1."""
    cells = cells_of(judgement)
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "plan": asdict(judgement.plan),
        "margin": asdict(judgement.margin),
        "cells": [{**asdict(cell), "share": cell.share} for cell in cells],
        "bars": [asdict(bar) for bar in bars_of(cells)],
        "found": [asdict(found) for found in effect_estimates(judgement)],
        "circumstances": [asdict(it) for it in circumstances_of(judgement)],
        "environment": judgement.environment,
    }
    return json.dumps(document, indent=1) + "\n"


def to_markdown(judgement: Judgement) -> str:
    """Return the document: the table, the bars, and the method."""
    cells = cells_of(judgement)
    facts = ((key, str(value)) for key, value in judgement.environment.items())
    return "\n".join(
        (
            "# How far `regtap bench` can be trusted\n",
            f"{_what_a_trial_is(judgement)}\n",
            markdown_table(call_rows(cells)),
            f"{_how_to_read(judgement)}\n",
            bullets(_bar_lines(cells)),
            markdown_table([_FOUND, *_found_rows(judgement)]),
            markdown_table([_CIRCUMSTANCES, *_circumstance_rows(judgement)]),
            markdown_table([("machine", ""), *facts]),
        )
    )


def call_rows(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """Return a row for each condition and rule, a column for each effect; the first row is the heading."""
    by_place = {(cell.condition, cell.rule, cell.effect): cell for cell in cells}
    rows = [("machine", "rule", *(effect.name for effect in COLUMNS))]
    for condition, rule in dict.fromkeys((cell.condition, cell.rule) for cell in cells):
        row = [by_place.get((condition, rule, effect.name)) for effect in COLUMNS]
        rows.append((condition, rule, *("" if cell is None else str(cell) for cell in row)))
    return rows


def _bar_lines(cells: Sequence[Cell]) -> Iterator[str]:
    for bar in bars_of(cells):
        verdict = "MET" if bar.met else "MISSED"
        yield f"{bar.text}: {100 * bar.share:.1f} %, bar {100 * bar.limit:g} %: {verdict}"


def _what_a_trial_is(judgement: Judgement) -> str:
    return (
        f"A trial: pread of 4 bytes against its twin, {judgement.plan.seconds:g} s of measuring in "
        f"{PROCESSES} fresh processes, in an order of its own. The twin is the same code (A/A), or "
        "makes one call more after each 500, 200, 100 or 20. Below: per cent of trials whose arms were called "
        "different (A/A: in either direction; else: slower), with the exact binomial interval (Clopper-Pearson, 95 %)."
    )


def _how_to_read(judgement: Judgement) -> str:
    return (
        f"The margin of `regtap bench` is {100 * judgement.margin.value:.2g} %, {judgement.margin.source}; an effect "
        "no larger than it is not meant to be seen. The other rules judge the same interleaved blocks, which flatters "
        "them: they are made for arms that run one after the other. pytest-benchmark's gate asks for slower only, in "
        "whole per cents."
    )


def _found_rows(judgement: Judgement) -> Iterator[tuple[str, ...]]:
    for it in effect_estimates(judgement):
        shares = (f"{100 * it.mean:+.4f} %", f"{100 * it.sd:.4f} %", f"{100 * it.worst:.4f} %")
        yield it.condition, f"{100 * it.injected:.1f} %", *shares


def _circumstance_rows(judgement: Judgement) -> Iterator[tuple[str, ...]]:
    for it in circumstances_of(judgement):
        times = (f"{it.seconds:.2f} s", f"{it.wall_s:.2f} s")
        percents = (f"{it.others_percent:.1f} %", f"{it.steal_percent:.1f} %")
        yield it.condition, str(it.trials), f"{it.rounds:.0f}", *times, *percents
