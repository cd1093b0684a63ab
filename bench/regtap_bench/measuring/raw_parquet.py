"""raw.parquet: every block of a run, a row each, and back.

Columns: process, round, position (when in its round the block ran), arm, measure, count (accesses), ticks, ns,
switches (forced context switches during it), faults (page faults), moves (to another CPU), stolen (time that the
hypervisor took during its round, in ticks of /proc/stat). Rows go by process, round, arm and measure, count. The
schema's metadata (key `regtap-bench`, JSON) holds what is not of one block, by cadence: `regular` arms, `bulk` ones
(reads of many bytes) and `slow` ones have rounds and processes of their own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from regtap.errors import InputError
from regtap_bench.measuring.blocks import Blocks, Process
from regtap_bench.measuring.job import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

_KEY = b"regtap-bench"
_OF_BLOCKS = {
    "ticks": np.uint64,
    "position": np.uint16,
    "switches": np.uint16,
    "faults": np.uint16,
    "moves": np.uint16,
}


def write(groups: Mapping[str, Blocks], file: BinaryIO) -> None:
    """Write every block of a run.

    Args:
        groups: By cadence; their processes are different ones, and numbered in this order.
        file: The output.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables: list[pa.Table] = []
    described = {}
    for cadence, blocks in groups.items():
        described[cadence] = _description(blocks, first_process=len(tables))
        first = len(tables)
        tables += [_table(blocks, process, first + at) for at, process in enumerate(blocks.processes)]
    metadata = {_KEY: json.dumps(described).encode()}
    pq.write_table(pa.concat_tables(tables).replace_schema_metadata(metadata), file, compression="zstd")


def read(path: str) -> dict[str, Blocks]:
    """Return the blocks from a file of write(), bit for bit.

    Raises:
        InputError: It is something else, or damaged.
        OSError: It cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open(path, "rb") as file:
        try:
            table = pq.read_table(file)
            described = json.loads(table.schema.metadata[_KEY])
            return {cadence: _blocks(table, group) for cadence, group in described.items()}
        except (pa.ArrowException, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} holds no blocks of `regtap bench`, or is damaged") from error


def _table(blocks: Blocks, process: Process, number: int) -> Any:
    import pyarrow as pa

    at = [part.ravel() for part in np.indices(process.ticks.shape, dtype=np.int32)]
    counts = np.array([item.counts for item in blocks.series], dtype=np.uint32)
    columns = {
        "process": np.full(process.ticks.size, number, dtype=np.uint16),
        "round": at[0].astype(np.uint32),
        "position": process.position.ravel(),
        "arm": _dictionary(at[1], [item.arm for item in blocks.series]),
        "measure": _dictionary(at[1], [item.measure for item in blocks.series]),
        "count": counts[at[1], at[2]],
        "ticks": process.ticks.ravel(),
        "ns": process.times_ns.ravel(),
        "switches": process.switches.ravel(),
        "faults": process.faults.ravel(),
        "moves": process.moves.ravel(),
        "stolen": process.stolen[at[0]],
    }
    return pa.table(columns)


def _dictionary(series: npt.NDArray[np.int32], names: list[str]) -> Any:
    import pyarrow as pa

    different = sorted(set(names))
    codes = np.array([different.index(name) for name in names], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes[series]), pa.array(different))


def _description(blocks: Blocks, first_process: int) -> dict[str, Any]:
    return {
        "first_process": first_process,
        "series": [[item.arm, item.measure, item.counts] for item in blocks.series],
        "processes": [
            {
                "rounds": len(process.ticks),
                "ns_per_tick": process.ns_per_tick,
                "delay_truth_ns": process.delay_truth_ns.tolist(),
            }
            for process in blocks.processes
        ],
    }


def _blocks(table: Any, described: dict[str, Any]) -> Blocks:
    series = tuple(Series(arm, measure, tuple(counts)) for arm, measure, counts in described["series"])
    shape = (len(series), len(series[0].counts))
    owner = table["process"].to_numpy()
    columns = {name: table[name].to_numpy().astype(kind, copy=False) for name, kind in _OF_BLOCKS.items()}
    stolen = table["stolen"].to_numpy().astype(np.uint16, copy=False)
    processes = [
        Process(
            **{
                name: column[owner == number].reshape(int(header["rounds"]), *shape)
                for name, column in columns.items()
            },
            stolen=stolen[owner == number].reshape(int(header["rounds"]), -1)[:, 0],
            ns_per_tick=float(header["ns_per_tick"]),
            delay_truth_ns=np.asarray(header["delay_truth_ns"], dtype=np.float64),
        )
        for number, header in enumerate(described["processes"], int(described["first_process"]))
    ]
    return Blocks(series, tuple(processes))
