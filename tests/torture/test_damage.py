"""A damaged spool or trace is an error or a correct subset, never a crash, and never a wrong row."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
from tests.journals import HandJournal
from tests.spools import SpoolImage, proof_of
from tests.synthetic import counter_trace
from tests.torture.conftest import Tally, cases

import regtap
from regtap.errors import RegtapError
from regtap.recovery import recover
from regtap.spool_layout import OVERFLOW

MUTATED = "a mutated spool: an error, or rows that are true where they were not mutated"
CUT = "a spool cut short anywhere: an error, or a correct subset"
JOURNALS = "a journal mutated, cut short or incomplete: an error, or a correct subset"
PARTS = "a part cut short at each of its bytes: an error that names it"


def busy_spool() -> SpoolImage:
    """A ring that was full, with gaps of every cause, and samples that were dropped."""
    image = SpoolImage(blocks=6)
    for rows in (40, 30, 60):
        image.full_block(rows)
    image.open_block()
    image.add_gap(0, "throttled")
    image.add_rows(20)
    image.add_gap(5, "missed")
    image.add_rows(20)
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


class Suspects:
    """Which bytes of a spool a case has changed."""

    def __init__(self, image: SpoolImage) -> None:
        self._image = image
        self._row_of_byte: dict[int, int] = {}
        base = image.memory.__array_interface__["data"][0]
        for sequence in range(image.sequence):
            rows = int(image.block(sequence)["published"][0])
            indices = image.column(sequence, 1)[:rows]
            for k, width in enumerate((8, 4, 1)):
                start = image.column(sequence, k).__array_interface__["data"][0] - base
                for byte in range(rows * width):
                    self._row_of_byte[start + byte] = int(indices[byte // width])

    def rows(self, mutated: list[int]) -> set[int]:
        """Return the indices of rows that were changed themselves."""
        return {self._row_of_byte[at] for at in mutated if at in self._row_of_byte}


def problem_of(spool: Path, output: Path, changed: set[int], taken: int) -> str | None:
    """Recover; return what is wrong, if anything."""
    found = recovered(spool, output)
    if found is None or isinstance(found, str):
        return found
    return wrong_rows(
        found["INDEX"].to_numpy(), found["PROOF"].to_numpy(), found["t_ns"].to_numpy(), changed, taken
    )


def recovered(spool: Path, output: Path | None) -> pa.Table | str | None:
    """Recover; return what can be read then, None after a proper error, or what is wrong."""
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


def test_mutated_spools(shared_folder: Path, tally: Tally) -> None:
    image = busy_spool()
    suspects = Suspects(image)
    dice = random.Random(5)
    structure = [*range(512), *(image.at(s) + k for s in (*range(6), OVERFLOW) for k in range(400))]
    for case in range(cases(250, 10_000)):
        memory = image.memory.copy()
        mutated = mutate(memory, structure, dice)
        spool, output = shared_folder / "spool", shared_folder / f"out{case}"
        spool.write_bytes(memory.tobytes())
        problem = problem_of(spool, output, suspects.rows(mutated), image.index)
        tally.case(MUTATED, None if problem is None else f"case {case}: {problem}")
        shutil.rmtree(output, ignore_errors=True)
    tally.assert_kept(MUTATED)


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


def test_spools_cut_short(shared_folder: Path, tally: Tally) -> None:
    image = busy_spool()
    data = image.memory.tobytes()
    dice = random.Random(6)
    for case in range(cases(100, 2_000)):
        length = dice.randrange(len(data)) if case > 20 else case * 37
        spool, output = shared_folder / "spool", shared_folder / f"out{case}"
        spool.write_bytes(data[:length])
        problem = problem_of(spool, output, set(), image.index)
        tally.case(CUT, None if problem is None else f"{length} bytes: {problem}")
        shutil.rmtree(output, ignore_errors=True)
    tally.assert_kept(CUT)


def busy_journal(folder: Path) -> int:
    """Write the journal of a ring that was full in the end; return how many samples were taken."""
    image = SpoolImage(blocks=6)
    with HandJournal(image, folder) as journal:
        for rows in (40, 30, 20, 60):
            image.open_block()
            for part in (rows // 2, rows - rows // 2):
                image.add_rows(part)
                assert journal.turn()
            image.seal()
        image.begin_open_gap()
        image.drop(30)
        assert journal.turn()
    return image.index


def test_mutated_journals(shared_folder: Path, tally: Tally) -> None:
    taken = busy_journal(shared_folder / "run")
    files = {path.name: path.read_bytes() for path in (shared_folder / "run").iterdir()}
    dice = random.Random(8)
    for case in range(cases(150, 5_000)):
        output = shared_folder / f"out{case}"
        output.mkdir()
        for name, data in files.items():
            if dice.random() < 0.95:
                (output / name).write_bytes(mutated_file(data, dice) if name == "_journal-00" else data)
        found = recovered(output, None)
        problem = found if isinstance(found, str) else None
        if isinstance(found, pa.Table):
            columns = [found[name].to_numpy() for name in ("INDEX", "PROOF", "t_ns")]
            problem = wrong_rows(columns[0], columns[1], columns[2], set(), taken)
        tally.case(JOURNALS, None if problem is None else f"case {case}: {problem}")
        shutil.rmtree(output)
    tally.assert_kept(JOURNALS)


def mutated_file(data: bytes, dice: random.Random) -> bytes:
    if dice.random() < 0.2:
        return data[: dice.randrange(len(data))]
    memory = np.frombuffer(data, dtype=np.uint8).copy()
    used = int(np.flatnonzero(memory)[-1]) + 1
    pages = range(0, used, 4096)
    mutate(memory, [at for page in pages for at in range(page, page + 300)], dice)
    if dice.random() < 0.3:  # a record where another one was
        one, other = dice.choice(pages), dice.choice(pages)
        memory[one : one + 4096] = memory[other : other + 4096]
    return memory.tobytes()


def test_parts_cut_short_at_each_byte(shared_folder: Path, tally: Tally) -> None:
    folder = counter_trace(shared_folder / "run", rows=50)
    part = folder / "part-00000.parquet"
    data = part.read_bytes()
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
