"""A coverage-guided fuzzer for the spool's parser: `python -m tests.torture.fuzz_spool FOLDER [libFuzzer's options]`.

An input is a list of edits to a whole spool. The header's check is made right again after them, so that what lies
behind it is reached. Recovering must end in a RegtapError or in rows that are true, as in test_damage. The file
FOLDER/gave-rows gets a byte for each input that ended in rows.
"""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import atheris
import numpy.typing as npt
import pyarrow as pa
from tests.spools import REGISTERS, SpoolImage, write_check
from tests.torture.test_damage import SPOOLS, Suspects, assert_whole, problem_of, recovered

from regtap.recovery import chain, complete, plan, rebuild
from regtap.spool import block, header, layout, raw_file, reader
from regtap.spool.layout import HEADER, OVERFLOW

PARSER = (complete, plan, rebuild, raw_file, chain, reader, header, block, layout)
EDIT = struct.Struct("<HQB")  # from which byte, what, how many bytes of it
CHECKED = {*range(64), *range(HEADER.itemsize, HEADER.itemsize + 4 * len(REGISTERS))}  # by the header's check


def watch(module: ModuleType) -> None:
    """Have the fuzzer see which branches of a module are taken."""
    holders = [module, *(it for it in vars(module).values() if isinstance(it, type))]
    for holder in holders:
        for it in vars(holder).values():
            if isinstance(it, FunctionType) and it.__module__ == module.__name__:
                atheris.instrument_func(it)


def apply(edits: bytes, memory: npt.NDArray[Any]) -> list[int]:
    """Change a spool; return which bytes."""
    places: list[int] = []
    for at, value, count in EDIT.iter_unpack(edits[: len(edits) // EDIT.size * EDIT.size]):
        new = value.to_bytes(8, "little")[: 1 + count % 8][: len(memory) - at]
        memory[at : at + len(new)] = list(new)
        places += range(at, at + len(new))
    write_check(memory, "<u4")
    return places


def write_seeds(image: SpoolImage, folder: Path) -> None:
    """Give the fuzzer an edit of each place that has a meaning, to start from."""
    folder.mkdir()
    starts = [0, *(image.at(sequence) for sequence in (0, 3, 5, OVERFLOW))]
    places = [start + k for start in starts for k in range(0, 320, 8)]
    for at in places:
        for value in (0, 1, 2**64 - 1):
            (folder / f"{at}-{value:x}").write_bytes(EDIT.pack(at, value, 7))


def main() -> None:
    """Fuzz as libFuzzer's options say; a finding ends the process with another status than 0."""
    folder = Path(sys.argv.pop(1))
    for module in PARSER:
        watch(module)
    make, rows = SPOOLS[0]
    image = make()
    assert len(image.memory) <= 1 << 16
    spool, output = folder / "spool", folder / "out"
    assert_whole(image.save(spool), output, image.index, rows)
    suspects = Suspects(image)
    write_seeds(image, folder / "corpus")
    gave_rows = (folder / "gave-rows").open("wb", buffering=0)  # the fuzzer ends the process

    def one_input(edits: bytes) -> None:
        memory = image.memory.copy()
        places = apply(edits, memory)
        spool.write_bytes(memory.tobytes())
        found = recovered(spool, output)
        if CHECKED.intersection(places):  # under a right check a header that lies makes any rows
            problem = found if isinstance(found, str) else None
        else:
            problem = problem_of(found, suspects.rows(places), image.index)
        shutil.rmtree(output, ignore_errors=True)
        if problem is not None:
            raise AssertionError(problem)
        if isinstance(found, pa.Table) and found.num_rows:
            gave_rows.write(b".")

    atheris.Setup([*sys.argv, "-max_len=110", "-len_control=0", str(folder / "corpus")], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
