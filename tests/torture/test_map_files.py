"""Maps of others: svdsuite's conformance files one by one, and every SVD in pyocd's wheel."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.torture.conftest import IS_LONG, Tally
from tests.torture.map_files import conformance_files, independent_counts, vendor_files

from regtap.errors import InputError
from regtap.maps.load import MapChoice, load_map
from regtap.maps.lookup import Maps
from regtap.maps.model import all_entries
from regtap.maps.svd import read_svd

FACTS = Path(__file__).parent / "facts" / "svdsuite-0.2.2.json"
TABLE = Path(__file__).parents[2] / "build" / "vendor-maps.md"
CONFORMANCE = "an SVD conformance file: as svdsuite has it, or as its reason here says"
VENDORS = "a vendor's SVD: loaded whole, with the registers and fields of a second count"

Rows = list[tuple[str, int, int, list[str]]]

# Where the standard and svdconv, which svdsuite follows, part: (register, bits) by the standard.
BY_THE_STANDARD = {
    # "The size ... is inherited": 16 bits are declared for the device.
    "application_of_default_values/custom_register_properties_on_device_level.svd": {"RegisterA": 16},
    # svdconv takes the widest of a block or cluster for registers without a size; nothing declares that.
    "size_inheritance_and_adjustment/simple_size_adjustment.svd": {"RegisterA": 16},
    "size_inheritance_and_adjustment/overlap_due_to_size_adjustment.svd": {"RegisterA": 32},
    "size_inheritance_and_adjustment/complex_size_adjustment.svd": {
        "ClusterA.RegisterA": 32,
        "ClusterA.RegisterB": 32,
        "ClusterB.RegisterA": 32,
        "PeripheralA.RegisterA": 32,
    },
}
# svdsuite drops it without a word; here it is read by the next wider access.
ODD_WIDTH = "logical_integrity/register_size_bit_width.svd"
# What svdsuite refuses and is read here, and why it may be.
READ_ALL_THE_SAME = {
    "a derived element may say otherwise of what it inherits": (
        "cluster_inheritance_via_derivedfrom/register_inheritance_same_name.svd",
        "peripheral_inheritance_via_derivedfrom/register_inheritance_same_name.svd",
        "field_inheritance_via_derivedfrom/enumerated_value_inheritance_error.svd",
        "register_inheritance_via_derivedfrom/field_inheritance_same_name.svd",
    ),
    "a display name is not used": (
        "dim_handling/array_displayname_without_dim.svd",
        "dim_handling/list_displayname_without_dim.svd",
    ),
    "the names are plain all the same": (
        "dim_handling/simple_array_field_level.svd",
        "dim_handling/simple_list_peripheral_level.svd",
        "logical_integrity/alternate_register_and_alternate_group_exception.svd",
    ),
    "fields of one name are told apart by their bits": ("logical_integrity/fields_same_names.svd",),
    "fields that share bits are two views of them; --check says so": (
        "field_inheritance_via_derivedfrom/overlap_bit_range.svd",
        "field_inheritance_via_derivedfrom/same_bit_range.svd",
        "logical_integrity/fields_overlap_bit_offset.svd",
        "logical_integrity/fields_same_bit_offset.svd",
        "register_inheritance_via_derivedfrom/field_inheritance_overlap_bit_range.svd",
        "register_inheritance_via_derivedfrom/field_inheritance_same_bit_range.svd",
    ),
}
# Read too; the name that is there twice is refused when it is used.
AMBIGUOUS = (
    "dim_handling/two_dim_resulting_in_same_name.svd",
    "logical_integrity/alternate_cluster_same_name.svd",
    "logical_integrity/alternate_peripheral_same_name.svd",
    "logical_integrity/alternate_register_same_name.svd",
    "logical_integrity/peripherals_same_names.svd",
    "logical_integrity/register_alternate_group_same_name.svd",
    "logical_integrity/same_register_names_in_peripheral.svd",
    "peripheral_inheritance_via_derivedfrom/same_name.svd",
)
# A cluster and a register of one name: what they hold is told apart by its full name.
NOT_AMBIGUOUS = ("logical_integrity/register_and_cluster_same_names_in_peripheral.svd",)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return conformance_files()


def facts() -> dict[str, dict[str, object]]:
    loaded: dict[str, dict[str, object]] = json.loads(FACTS.read_text())
    return loaded


def read_rows(content: bytes, name: str) -> Rows:
    """Return names, addresses, widths and names of fields, named as svdsuite does."""
    rows = [
        (
            _plain(entry.name, name),
            entry.address,
            entry.node.bits,
            sorted(it.name for it in entry.node.fields),
        )
        for entry in all_entries(read_svd(content, name))
    ]
    return sorted(rows)


def _plain(name: str, file: str) -> str:
    """Return a name without brackets, and without the alternate group that the standard adds to it."""
    plain = name.replace("[", "").replace("]", "")
    return plain.removesuffix("_RegisterX") if "alternate_group" in file else plain


def wanted_rows(file: str, registers: list[tuple[str, int, int, list[str]]]) -> Rows:
    widths = BY_THE_STANDARD.get(file, {})
    found = []
    for name, address, bits, fields in registers:
        by_standard = next((width for tail, width in widths.items() if name.endswith(tail)), bits)
        found.append((name, address, by_standard, sorted(fields)))
    if file == ODD_WIDTH:
        found.append(("PeripheralA.RegisterA", 0x40001000, 23, []))
    return sorted(found)


def refusal_of(content: bytes, name: str) -> str | None:
    """Return why a file is refused, or None if it is read."""
    try:
        read_rows(content, name)
    except InputError as error:
        return str(error)
    return None


def test_each_file_that_svdsuite_accepts_is_read_alike(files: dict[str, bytes], tally: Tally) -> None:
    accepted = {name: it["registers"] for name, it in facts().items() if "registers" in it}
    assert (len(files), len(accepted)) == (171, 112)

    for name, registers in accepted.items():
        found, wanted = read_rows(files[name], name), wanted_rows(name, registers)  # type: ignore[arg-type]
        tally.case(CONFORMANCE, None if found == wanted else f"{name}: {found} is not {wanted}")
    tally.assert_kept(CONFORMANCE)


def test_files_that_svdsuite_refuses_are_refused_or_explained(files: dict[str, bytes]) -> None:
    refused = {name for name, it in facts().items() if "refused" in it}
    assert len(refused) == 59

    messages = {name: refusal_of(files[name], name) for name in refused}
    read = {name for name, message in messages.items() if message is None}
    assert not [message for message in messages.values() if message is not None and "\n" in message]

    reasons = {name for names in READ_ALL_THE_SAME.values() for name in names}
    assert read == reasons | set(AMBIGUOUS) | set(NOT_AMBIGUOUS)


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_name_that_is_there_twice_is_refused_when_it_is_used(files: dict[str, bytes], name: str) -> None:
    maps = Maps((read_svd(files[name], name),))
    names = [entry.name for entry in maps.entries()]
    twice = {it for it in names if names.count(it) > 1}

    assert twice
    for it in twice:
        with pytest.raises(InputError, match="is ambiguous"):
            maps.find(it)


def test_every_vendors_file_is_loaded_whole(tmp_path: Path, tally: Tally) -> None:
    lines = ["| file | MB | registers | fields | s of CPU | cannot be used |", "|---|--:|--:|--:|--:|--:|"]
    for name, size, archive in vendor_files():
        if not IS_LONG and len(lines) == 10:
            break
        content = archive.read(name)
        path = tmp_path / "vendor.svd"
        path.write_bytes(content)
        started = time.process_time()
        device = load_map(MapChoice(str(path)))
        seconds = time.process_time() - started
        entries = list(all_entries(device))
        found = len(entries), sum(len(entry.node.fields) for entry in entries)
        wanted = independent_counts(content)
        tally.case(VENDORS, None if found == wanted else f"{name}: {found} is not {wanted}")
        unusable = sum(not _is_usable(entry) for entry in entries)
        lines.append(
            f"| {name} | {size / 1e6:.1f} | {found[0]:,} | {found[1]:,} | {seconds:.2f} | {unusable} |"
        )
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n")
    assert tally.tried[VENDORS] == (105 if IS_LONG else 8)

    tally.assert_kept(VENDORS)


def _is_usable(entry: object) -> bool:
    try:
        entry.register()  # type: ignore[attr-defined]
    except InputError:
        return False
    return True
