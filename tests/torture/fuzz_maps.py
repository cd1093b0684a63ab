"""A coverage-guided fuzzer for a reader of maps: `python -m tests.torture.fuzz_maps READER FOLDER [OPTIONS]`.

OPTIONS are libFuzzer's.
An input is a file. Loading it and describing each of its registers must end in a map or in a RegtapError of one line,
in less than 2 s of CPU. The file FOLDER/gave-maps gets a byte for each input that ended in a map.
"""

from __future__ import annotations

import sys
import time
from itertools import islice
from pathlib import Path
from types import FunctionType, ModuleType

import atheris

from regtap.errors import RegtapError
from regtap.maps import (
    check,
    checked,
    ipxact,
    litex,
    load,
    lookup,
    model,
    svd,
    svd_derive,
    svd_fields,
    svd_numbers,
    systemrdl,
    toml_fields,
    toml_map,
    xml_file,
)

COMMON = (load, lookup, model, check)
SVD = (svd, svd_derive, svd_fields, svd_numbers, xml_file)
READERS: dict[str, tuple[ModuleType, ...]] = {
    "svd": SVD,
    "ipxact": (ipxact, svd_fields, xml_file),
    "litex": (litex, checked),
    "systemrdl": (systemrdl, ipxact),
    "toml": (toml_map, toml_fields, checked),
}
SEEDS = Path(__file__).parent / "facts" / "seeds"
MOST_S = 2.0
_MOST_DESCRIBED = 2000


def watch(module: ModuleType) -> None:
    """Have the fuzzer see which branches of a module are taken."""
    for holder in (module, *(it for it in vars(module).values() if isinstance(it, type))):
        for it in list(vars(holder).values()):
            if isinstance(it, FunctionType) and it.__module__ == module.__name__:
                atheris.instrument_func(it)


def describe(path: Path) -> bool:
    """Load a map and look at all of it; return whether it is one.

    Raises:
        AssertionError: It took too long, or the error is not one line.
    """
    started = time.process_time()
    try:
        maps = lookup.Maps((load.load_map(load.MapChoice(str(path))),))
        check.find_faults(maps.maps[0])
        for entry in islice(maps.entries(), _MOST_DESCRIBED):
            try:
                maps.register(entry)
            except RegtapError as error:
                _check_line(error)
        _ = maps.at(0, 4096)
        is_map = True
    except RegtapError as error:
        _check_line(error)
        is_map = False
    took = time.process_time() - started
    if took > MOST_S:
        raise AssertionError(f"{took:.1f} s of CPU")
    return is_map


def _check_line(error: RegtapError) -> None:
    if len(str(error).splitlines()) != 1:
        raise AssertionError(f"no single line: {error!s:.300}")


def main() -> None:
    """Fuzz as libFuzzer's options say; a finding ends the process with another status than 0."""
    reader, folder = sys.argv.pop(1), Path(sys.argv.pop(1))
    for module in (*COMMON, *READERS[reader]):
        watch(module)
    corpus = folder / "corpus"
    corpus.mkdir()
    for seed in SEEDS.glob(f"{reader}*"):
        (corpus / seed.name).write_bytes(seed.read_bytes())
    path = folder / "map"
    gave_maps = (folder / "gave-maps").open("wb", buffering=0)  # the fuzzer ends the process

    def one_input(content: bytes) -> None:
        path.write_bytes(content)
        if describe(path):
            gave_maps.write(b".")

    atheris.Setup([*sys.argv, "-max_len=4096", "-rss_limit_mb=1024", str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
