"""What a recovery is going to do, asked before it does anything."""

from dataclasses import replace
from pathlib import Path

from tests.spools import SpoolImage, template_of

from regtap.recovery.plan import RecoveryPlan, plan_recovery
from regtap.spool.layout import OVERFLOW
from regtap.spool.reader import SpoolReader
from regtap.trace.metadata import Mode


def plan_of(image: SpoolImage, path: Path) -> RecoveryPlan:
    path.write_bytes(image.memory.tobytes())
    with SpoolReader(str(path)) as spool:
        return plan_recovery(spool, image.template, ())


def test_a_plan_begins_where_nothing_was_finished(tmp_path: Path) -> None:
    image = SpoolImage()
    image.full_block(10)
    image.full_block(7)

    plan = plan_of(image, tmp_path / "spool")

    assert (plan.index, plan.first_block, plan.oldest, plan.dropped) == (0, 0, None, ())
    assert [(head.sequence, head.first_index, head.rows) for head in plan.heads] == [(0, 0, 10), (1, 10, 7)]
    assert plan.last_tick == int(image.column(1, 0)[6])


def test_a_plan_names_parts_that_are_not_here(tmp_path: Path) -> None:
    image = SpoolImage(blocks=4)
    for _ in range(7):
        image.full_block(5)
    image.header["released"] = 4

    plan = plan_of(image, tmp_path / "spool")

    assert plan.dropped == ("blocks 0 to 3: they are in parts that are not here",)
    assert [head.sequence for head in plan.heads] == [4, 5, 6]


def test_a_plan_knows_what_a_flight_recorder_overwrote(tmp_path: Path) -> None:
    image = SpoolImage(blocks=4, template=replace(template_of(), mode=Mode(None, "overwrite")))
    for _ in range(6):
        image.full_block(5)
    image.block(3)["dropped_before"] = 9
    image.header["released"] = 3

    plan = plan_of(image, tmp_path / "spool")

    assert (plan.oldest, plan.uncounted, plan.dropped) == (3, 9, ())


def test_a_plan_goes_on_without_the_overflow_block(tmp_path: Path) -> None:
    image = SpoolImage()
    image.full_block(10)
    image.block(OVERFLOW)["gap_count"] = 1 << 20

    plan = plan_of(image, tmp_path / "spool")

    assert plan.overflow is None
    assert plan.dropped == ("the count of dropped samples: it claims more gaps than fit",)
    assert len(plan.heads) == 1
