"""The parts of a journal that need neither thread nor file."""

import numpy as np
from tests.journals import filled, ring_of

from regtap.journal.cadence import Cadence
from regtap.journal.layout import PATCH, RECORD, STATE_ONLY, UNIT, check_of
from regtap.journal.record_builder import RecordBuilder
from regtap.journal.source import Copied


def builder() -> RecordBuilder:
    return RecordBuilder(7, ring_of(filled()).header)


def test_a_record_says_where_its_bytes_belong() -> None:
    made = builder()
    pieces = [(64, np.arange(5, dtype=np.uint8)), (4096, np.full(3, 9, np.uint8))]

    record = made.finish(made.draft(pieces), Copied(4, 10, 1), Copied(4, 12, 2), synced=3)

    header = record[: RECORD.itemsize].view(RECORD)
    body = record[RECORD.itemsize : int(header["bytes"][0])]
    table = body[: 2 * PATCH.itemsize].view(PATCH)
    assert header[["identity", "serial", "synced", "block", "patches"]].tolist() == [(7, 1, 3, 4, 2)]
    assert header[["first_row", "rows", "first_gap", "gaps"]].tolist() == [(10, 12, 1, 2)]
    assert table.tolist() == [(64, 5), (4096, 3)]
    assert body[2 * PATCH.itemsize :].tolist() == [0, 1, 2, 3, 4, 9, 9, 9]
    assert check_of(header, body) == header["check"][0]


def test_a_record_is_whole_units_and_ends_in_zeros() -> None:
    made = builder()
    made.draft([(0, np.full(2 * UNIT, 255, np.uint8))])  # which the next draft is not to show

    record = made.finish(made.draft([(0, np.full(UNIT, 1, np.uint8))]), Copied(0), Copied(0), synced=0)

    used = RECORD.itemsize + PATCH.itemsize + UNIT
    assert len(record) == 2 * UNIT
    assert not record[used:].any()


def test_a_sync_notice_leaves_the_draft_as_it_is() -> None:
    made = builder()
    draft = made.draft([(0, np.full(10, 5, np.uint8))])

    notice = made.sync_notice(synced=1)
    record = made.finish(draft, Copied(0), Copied(0, 1), synced=1)

    assert notice[: RECORD.itemsize].view(RECORD)[["serial", "first_row", "patches"]].tolist() == [
        (1, STATE_ONLY, 0)
    ]
    assert record[: RECORD.itemsize].view(RECORD)[["serial", "rows", "patches"]].tolist() == [(2, 1, 1)]
    assert record[RECORD.itemsize + PATCH.itemsize :][:10].tolist() == [5] * 10


def test_turns_come_once_an_interval() -> None:
    cadence = Cadence(interval_ns=100, now_ns=0)

    assert cadence.next_wait_ns(0) == 100
    assert cadence.next_wait_ns(130) == 70


def test_late_turns_are_not_made_up_for() -> None:
    cadence = Cadence(interval_ns=100, now_ns=0)

    assert cadence.next_wait_ns(1000) == 0
    assert cadence.next_wait_ns(1010) == 90
