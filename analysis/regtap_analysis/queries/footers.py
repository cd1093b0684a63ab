"""Reads footers of traces on the workers of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from regtap.errors import InputError
from regtap.maps.lookup import NO_MAPS, Maps
from regtap.maps.naming import map_of
from regtap_analysis.catalogue.arrow import SCHEMAS
from regtap_analysis.catalogue.facts import TraceFacts
from regtap_analysis.catalogue.read import facts_or_reason
from regtap_analysis.catalogue.search import LeftOut, TraceLocation
from regtap_analysis.catalogue.tables import rows_of
from regtap_analysis.queries.columns import layout_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from regtap.registers.model import Register


def _signed(schema: pa.Schema) -> pa.StructType:
    """Return a table's row with decimals for unsigned 64-bit values, a type that Spark lacks."""
    u64 = pa.decimal128(20, 0)
    return pa.struct([pa.field(it.name, u64 if it.type == pa.uint64() else it.type) for it in schema])


FOOTERS = pa.schema(
    [
        pa.field("trace", pa.string()),
        pa.field("error", pa.string()),
        pa.field("layout", pa.string()),
        pa.field("files", pa.list_(pa.string())),
        *(pa.field(name, pa.list_(_signed(schema))) for name, schema in SCHEMAS.items()),
    ]
)


def footers_reader(maps: Maps) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function that turns batches of names and paths into batches of FOOTERS.

    Args:
        maps: Describe registers; they go to the workers as registers, since their files may lie here only.
    """
    described, wanted = _registers_of(maps), FOOTERS

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from regtap_analysis.queries.footers import read_footers  # on the worker, by name

        return read_footers(batches, described, wanted)

    return read


def _registers_of(maps: Maps) -> tuple[Register, ...]:
    """Return the registers of maps that an access can reach."""
    found: list[Register] = []
    for entry in maps.entries():
        try:
            found.append(maps.register(entry))
        except InputError:  # no trace has such a column
            continue
    return tuple(found)


def read_footers(
    batches: Iterable[pa.RecordBatch], described: Sequence[Register] = (), wanted: pa.Schema = FOOTERS
) -> Iterator[pa.RecordBatch]:
    """Yield a row of FOOTERS for each trace.

    Args:
        batches: Columns `name` and `path`, as in TraceLocation.
        described: Registers with fields, for traces that were recorded without these fields.
        wanted: FOOTERS as the driver knows it; another version of regtap may have another one.
    """
    if not wanted.equals(FOOTERS):
        yield from _not_read(batches, wanted)
        return
    maps = Maps((map_of(described, "maps"),)) if described else NO_MAPS
    for batch in batches:
        rows = [
            _row(TraceLocation(location["name"], location["path"]), maps) for location in batch.to_pylist()
        ]
        yield pa.RecordBatch.from_pylist(rows, FOOTERS)


def _row(location: TraceLocation, maps: Maps) -> dict[str, Any]:
    read = facts_or_reason(location, maps)
    if isinstance(read, LeftOut):
        return {"trace": read.name, "error": read.reason}
    assert isinstance(read, TraceFacts)  # noqa: S101 (there is nothing else)
    return {
        "trace": read.name,
        "layout": layout_of(read).to_json(),
        "files": list(read.files),
        **{name: rows_of(name, read) for name in SCHEMAS},
    }


def _not_read(batches: Iterable[pa.RecordBatch], wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    why = "the worker that should read it has another version of regtap; install the same one everywhere"
    for batch in batches:
        rows = [{"trace": place["name"], "error": f"{place['name']}: {why}"} for place in batch.to_pylist()]
        yield pa.RecordBatch.from_pylist(rows, wanted)
