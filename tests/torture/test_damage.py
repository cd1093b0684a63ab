"""A damaged spool or trace is an error or a correct subset, never a crash, and never a wrong row."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from tests.conservation import assert_conserved
from tests.journals import HandJournal
from tests.spools import COLUMNS, SpoolImage, assert_truth, expected_index, proof_of, template_of
from tests.synthetic import counter_trace
from tests.torture.conftest import Tally, cases

import regtap
from regtap.errors import RegtapError
from regtap.journal.layout import RECORD_MAGIC, UNIT
from regtap.recovery.complete import recover
from regtap.spool.layout import OVERFLOW

MUTATED = "a mutated spool: an error, or rows that are true where they were not mutated"
CUT = "a spool cut short anywhere: an error, or a correct subset"
JOURNALS = "a journal mutated, cut short or incomplete: an error, or a correct subset"
PARTS = "a part cut short at each of its bytes: an error that names it"


def busy_spool() -> SpoolImage:
    """A ring that is full, with gaps of every cause, and samples that are being dropped."""
    image = SpoolImage(blocks=6, template=template_of("1000000"))
    for rows in (40, 30, 60):
        image.full_block(rows)
    open_block_with_gaps(image)
    image.seal()
    image.full_block(10)
    image.full_block(25)
    image.begin_open_gap()
    image.drop(30)
    image.note_open_gap()
    image.end_open_gap()
    image.put_gap(OVERFLOW, 4, "missed")
    image.index += 4
    image.begin_open_gap()
    image.drop(11)
    return image


def running_spool() -> SpoolImage:
    """A ring with room, whose last block is still open."""
    image = SpoolImage(blocks=6, template=template_of("1000000"))
    for rows in (50, 20, 40):
        image.full_block(rows)
    open_block_with_gaps(image)
    return image


def open_block_with_gaps(image: SpoolImage) -> None:
    image.open_block()
    image.add_gap(0, "throttled")
    image.add_rows(20)
    image.add_gap(5, "missed")
    image.add_rows(20)


SPOOLS = [(busy_spool, 205), (running_spool, 150)]


class Suspects:
    """Which bytes of a spool a case has changed."""

    def __init__(self, image: SpoolImage) -> None:
        self._image = image
        self._row_of_byte: dict[int, int] = {}
        for sequence in range(int(image.header["open"][0])):
            rows = int(image.block(sequence)["published"][0])
            indices = image.column(sequence, 1)[:rows]
            for k, dtype in enumerate(COLUMNS):
                start = image.column_at(sequence, k)
                for byte in range(rows * dtype.itemsize):
                    self._row_of_byte[start + byte] = int(indices[byte // dtype.itemsize])

    def rows(self, mutated: list[int]) -> set[int]:
        """Return the indices of rows that were changed themselves."""
        return {self._row_of_byte[at] for at in mutated if at in self._row_of_byte}


Found: TypeAlias = pa.Table | str | None  # the rows, what is wrong, or None after a proper error


def recovered(spool: Path, output: Path | None) -> Found:
    """Recover; return what can be read then."""
    try:
        recover(spool, output)
    except RegtapError as error:
        return None if "\n" not in str(error) else f"an error of more than one line: {error}"
    except Exception as error:  # noqa: BLE001 - nothing else may come out
        return f"{type(error).__name__}: {error}"
    try:
        return regtap.open_trace(output or spool).to_arrow()
    except Exception as error:  # noqa: BLE001
        return f"the trace cannot be read: {type(error).__name__}: {error}"


def problem_of(found: Found, changed: set[int], taken: int) -> str | None:
    """Return what is wrong with what was recovered, if anything."""
    if found is None or isinstance(found, str):
        return found
    index, proof, times = (found[name].to_numpy() for name in ("INDEX", "PROOF", "t_ns"))
    return wrong_rows(index, proof, times, changed, taken)


def problem_of_subset(found: Found, folder: Path, taken: int) -> str | None:
    """The same where nothing was changed that is believed: then the gaps, too, say which rows these are."""
    if found is None or isinstance(found, str):
        return found
    trace = regtap.open_trace(folder)
    try:
        assert_conserved(trace)
    except AssertionError as error:
        return f"rows and gaps do not balance: {error}"
    is_told = np.array_equal(found["INDEX"].to_numpy(), expected_index(trace.gaps, trace.rows))
    return problem_of(found, set(), taken) if is_told else "the gaps tell of other rows"


class Harvest:
    """How much was recovered in all: a parser that refuses everything returns nothing wrong.

    Least shares are asked for that lie well below those seen, which hardly depend on the seed.
    """

    def __init__(self) -> None:
        self._cases = self._with_rows = self._rows = self._whole = 0

    def add(self, found: Found, whole: int) -> None:
        """Count a case; `whole`: the rows of what was not yet damaged."""
        rows = found.num_rows if isinstance(found, pa.Table) else 0
        self._cases += 1
        self._with_rows += rows > 0
        self._rows += rows
        self._whole += whole

    def assert_at_least(self, share_of_cases: float, share_of_rows: float) -> None:
        assert self._with_rows < self._cases, "nothing was refused: what must be was not among the cases"
        assert self._with_rows >= share_of_cases * self._cases, (self._with_rows, self._cases)
        assert self._rows >= share_of_rows * self._whole, (self._rows, self._whole)


def assert_whole(spool: Path, output: Path | None, taken: int, rows: int) -> None:
    """Assert that all rows of an undamaged spool, or journal, are recovered."""
    recover(spool, output)
    folder = output or spool
    assert_truth(folder, taken)
    assert regtap.open_trace(folder).rows == rows
    shutil.rmtree(folder)


def wrong_rows(
    index: np.ndarray, proof: np.ndarray, times: np.ndarray, changed: set[int], taken: int
) -> str | None:
    good = (index < taken) & (proof == proof_of(index))
    kept = index[good]
    if int(np.count_nonzero(~good)) > len(changed):
        return f"{np.count_nonzero(~good)} wrong rows, where {len(changed)} were changed"
    honest = np.array([int(value) for value in kept if int(value) not in changed], dtype=np.int64)
    if np.any(np.diff(honest) <= 0):
        return "rows twice or out of order"
    if np.any(np.diff(times) < 0):
        return "times go back"
    return None


@pytest.mark.parametrize(("make", "rows"), SPOOLS)
def test_mutated_spools(make: Callable[[], SpoolImage], rows: int, shared_folder: Path, tally: Tally) -> None:
    image = make()
    spool, output = shared_folder / "spool", shared_folder / "out"
    assert_whole(image.save(spool), output, image.index, rows)

    suspects, harvest = Suspects(image), Harvest()
    dice = random.Random(5)
    structure = [*range(512), *(image.at(s) + k for s in (*range(6), OVERFLOW) for k in range(400))]
    for case in range(cases(125, 5_000)):
        memory = image.memory.copy()
        mutated = mutate(memory, structure, dice)
        spool.write_bytes(memory.tobytes())
        found = recovered(spool, output)
        problem = problem_of(found, suspects.rows(mutated), image.index)
        tally.case(MUTATED, None if problem is None else f"case {case}: {problem}")
        harvest.add(found, rows)
        shutil.rmtree(output, ignore_errors=True)
    tally.assert_kept(MUTATED)

    harvest.assert_at_least(0.5, 0.45)


def mutate(memory: np.ndarray, structure: list[int], dice: random.Random) -> list[int]:
    """Change bytes, mostly where structure is; return which."""
    places = []
    for _ in range(dice.choice([1, 1, 2, 5, 40])):
        at = dice.choice(structure) if dice.random() < 0.8 else dice.randrange(len(memory))
        length = dice.choice([1, 1, 1, 4, 8])
        for k in range(at, min(at + length, len(memory))):
            memory[k] = dice.choice([0, 0xFF, int(memory[k]) ^ (1 << dice.randrange(8)), dice.randrange(256)])
            places.append(k)
    return places


@pytest.mark.parametrize(("make", "rows"), SPOOLS)
def test_spools_cut_short(
    make: Callable[[], SpoolImage], rows: int, shared_folder: Path, tally: Tally
) -> None:
    image = make()
    spool, output = shared_folder / "spool", shared_folder / "out"
    assert_whole(image.save(spool), output, image.index, rows)

    data, harvest = image.memory.tobytes(), Harvest()
    dice = random.Random(6)
    for case in range(cases(50, 1_000)):
        length = dice.randrange(len(data)) if case > 20 else case * 37
        spool.write_bytes(data[:length])
        found = recovered(spool, output)
        problem = problem_of_subset(found, output, image.index)
        tally.case(CUT, None if problem is None else f"{length} bytes: {problem}")
        if case > 20:  # those before end in the header
            harvest.add(found, rows)
        shutil.rmtree(output, ignore_errors=True)
    tally.assert_kept(CUT)

    harvest.assert_at_least(0.7, 0.45)


def full_journal(folder: Path) -> int:
    """Write the journal of a ring that is full in the end; return how many samples were due."""
    image = SpoolImage(blocks=5, template=template_of("1000000"))
    with HandJournal(image, folder) as journal:
        for rows in (40, 30, 20, 60):
            image.open_block()
            for part in (rows // 2, rows - rows // 2):
                image.add_rows(part)
                assert journal.turn()
            image.seal()
        open_block_with_gaps(image)
        image.seal()
        image.begin_open_gap()
        image.drop(30)
        assert journal.turn()
    return image.index


def running_journal(folder: Path) -> int:
    """Write the journal of a ring whose last block is open, after samples were dropped; return how many were due."""
    image = SpoolImage(blocks=6, template=template_of("1000000"))
    with HandJournal(image, folder) as journal:
        for rows in (40, 30, 20):
            image.full_block(rows)
            assert journal.turn()
        image.begin_open_gap()
        image.drop(12)
        image.note_open_gap()
        image.end_open_gap()
        assert journal.turn()
        image.full_block(50)
        open_block_with_gaps(image)
        assert journal.turn()
        image.add_rows(10)
        assert journal.turn()
    return image.index


@pytest.mark.parametrize(("write", "rows"), [(full_journal, 190), (running_journal, 190)])
def test_mutated_journals(write: Callable[[Path], int], rows: int, shared_folder: Path, tally: Tally) -> None:
    taken = write(shared_folder / "run")
    files = {path.name: path.read_bytes() for path in (shared_folder / "run").iterdir()}
    used = [name for name, data in sorted(files.items()) if RECORD_MAGIC in data]
    assert len(used) > 2
    assert_whole(shared_folder / "run", None, taken, rows)

    harvest, dice = Harvest(), random.Random(8)
    for case in range(cases(75, 2_500)):
        output = shared_folder / f"out{case}"
        output.mkdir()
        mutated = dice.sample(used, dice.randint(1, len(used)))
        for name, data in files.items():
            if dice.random() < 0.95:
                (output / name).write_bytes(mutated_file(data, dice) if name in mutated else data)
        found = recovered(output, None)
        problem = problem_of_subset(found, output, taken)
        tally.case(JOURNALS, None if problem is None else f"case {case}: {problem}")
        harvest.add(found, rows)
        shutil.rmtree(output)
    tally.assert_kept(JOURNALS)

    harvest.assert_at_least(0.8, 0.4)


def mutated_file(data: bytes, dice: random.Random) -> bytes:
    if dice.random() < 0.2:
        return data[: dice.randrange(len(data))]
    memory = np.frombuffer(data, dtype=np.uint8).copy()
    used = int(np.flatnonzero(memory)[-1]) + 1
    pages = range(0, used, UNIT)
    mutate(memory, [at for page in pages for at in range(page, page + 300)], dice)
    if dice.random() < 0.3:  # a record where another one was
        one, other = dice.choice(pages), dice.choice(pages)
        memory[one : one + UNIT] = memory[other : other + UNIT]
    return memory.tobytes()


def test_parts_cut_short_at_each_byte(shared_folder: Path, tally: Tally) -> None:
    folder = counter_trace(shared_folder / "run", rows=50)
    part = folder / "part-00000.parquet"
    data = part.read_bytes()
    assert regtap.open_trace(folder).to_arrow().num_rows == 50

    for length in range(0, len(data), cases(17, 1)):
        part.write_bytes(data[:length])
        tally.case(PARTS, part_problem(folder, length))

    tally.assert_kept(PARTS)


def part_problem(folder: Path, length: int) -> str | None:
    try:
        regtap.open_trace(folder).to_arrow()
    except RegtapError as error:
        return None if "part-00000" in str(error) else f"{length} bytes: {error}"
    except Exception as error:  # noqa: BLE001
        return f"{length} bytes: {type(error).__name__}: {error}"
    return f"{length} bytes: taken for whole"


def test_the_check_itself_sees_a_wrong_row() -> None:
    index = np.arange(5)
    proof, times = proof_of(index), index * 1000

    assert wrong_rows(index, proof, times, set(), 5) is None
    assert wrong_rows(index[::-1], proof[::-1], times, set(), 5) is not None
    assert wrong_rows(index, proof + np.uint8(1), times, set(), 5) is not None
    assert wrong_rows(index, proof, times[::-1], set(), 5) is not None
