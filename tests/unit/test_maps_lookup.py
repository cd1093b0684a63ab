"""Names, tails, globs and addresses; the files that a map is found in."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.register_maps import maps_of

from regtap.errors import InputError
from regtap.maps.load import MapChoice, load_maps, parse_map_choice, split_map_variable
from regtap.maps.lookup import Found, glob_matcher

BOARD = """
registers.ID.address = 0
[blocks.UART]
address = 0x1000
count = 2
step = 0x100
registers.CR = { offset = 0x30, fields.EN = 0 }
registers.DR = { offset = 0, read_effect = "pops", type = "u8" }
[blocks.DMA]
address = 0x2000
clusters.CH = { offset = 0x10, count = 3, step = 4, registers.LEN.offset = 2, registers.LEN.type = "u16" }
registers.CR.offset = 0
"""


def found(text: str) -> Found:
    result = maps_of(BOARD).find(text)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("text", "name", "address", "is_full"),
    [
        ("UART[1].CR", "UART[1].CR", 0x1130, True),
        ("ID", "ID", 0, True),
        ("DMA.CR", "DMA.CR", 0x2000, True),
        ("CH[2].LEN", "DMA.CH[2].LEN", 0x201A, False),
    ],
)
def test_a_tail_that_is_unambiguous_will_do(text: str, name: str, address: int, is_full: bool) -> None:
    result = found(text)

    assert (result.entry.name, result.entry.address, result.is_full) == (name, address, is_full)


def test_a_field_is_named_behind_its_register() -> None:
    result = found("UART[0].CR.EN")

    assert (result.entry.name, result.field and result.field.name) == ("UART[0].CR", "EN")


def test_an_ambiguous_name_is_refused_and_lists_what_it_could_be() -> None:
    with pytest.raises(
        InputError, match=r"'CR' is ambiguous; it could be UART\[0\].CR at 0x1030, UART\[1\].CR at"
    ):
        found("CR")


@pytest.mark.parametrize("text", ["UART[2].CR", "UART[00].CR", "UART.CR", "X.ID", "CR.EN.X", "", "."])
def test_what_no_map_has_is_not_found(text: str) -> None:
    one_each = BOARD.replace("count = 2", "count = 1").replace("registers.CR.offset", "registers.CX.offset")

    assert maps_of(one_each).find(text) is None


def test_a_block_is_said_to_be_one() -> None:
    assert "'UART[0]' is a block; name a register of it, or 'UART[0].*'" in str(
        maps_of(BOARD).unknown("UART[0]")
    )


def test_a_block_may_be_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'UARD\*' selects no register; the nearest are UART\["):
        maps_of(BOARD).select("UARD*")


def test_the_nearest_names_are_said() -> None:
    assert "the nearest are UART[0].CR" in str(maps_of(BOARD).unknown("UART[0].CQ"))


@pytest.mark.parametrize(
    ("glob", "count"), [("UART*", 4), ("UART[?].CR", 2), ("*LEN", 3), ("DMA.*", 4), ("CR*", 3), ("*", 9)]
)
def test_a_glob_selects_by_full_names_or_else_by_tails(glob: str, count: int) -> None:
    assert len(maps_of(BOARD).select(glob)) == count


@pytest.mark.parametrize("tails", [False, True])
def test_a_glob_of_many_stars_has_an_answer(tails: bool) -> None:
    matches = glob_matcher("*A" * 30 + "B", tails=tails)

    assert not matches("A" * 60)  # a matcher that backtracks needs years
    assert matches("A" * 60 + "B")


def test_a_glob_that_selects_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"'UARX\*' selects no register"):
        maps_of(BOARD).select("UARX*")


def test_a_glob_that_selects_too_much_is_refused() -> None:
    many = maps_of("registers.R = { address = 0, count = 100000, step = 4 }")

    with pytest.raises(InputError, match="more than 65,536"):
        many.select("*")


@pytest.mark.parametrize(
    ("address", "size", "names"),
    [
        (0x1030, 1, ["UART[0].CR"]),
        (0x1033, 1, ["UART[0].CR"]),
        (0x1034, 1, []),
        (0x0FFF, 2, ["UART[0].DR"]),
        (0x2010, 8, ["DMA.CH[0].LEN", "DMA.CH[1].LEN"]),
    ],
)
def test_what_lies_at_an_address_is_found(address: int, size: int, names: list[str]) -> None:
    assert [entry.name for entry in maps_of(BOARD).at(address, size)] == names


def test_a_huge_array_is_not_expanded_to_find_one_of_it() -> None:
    many = maps_of("registers.R = { address = 0, count = 1000000, step = 4 }")

    result = many.find("R[999999]")

    assert result is not None
    assert result.entry.address == 3_999_996


def test_an_effects_table_overlays_other_maps() -> None:
    overlay = """
    [effects]
    "UART[0].DR" = ""
    "DMA.CR" = { read = "clears", write = "one-clears" }
    "UART[1].CR.EN" = "starts"
    """
    maps = maps_of(BOARD, overlay)

    effects = {entry.name: maps.register(entry).read_effect for entry in maps.entries()}

    assert {name: text for name, text in effects.items() if text} == {
        "UART[1].DR": "pops",
        "DMA.CR": "clears",
    }
    entry = maps.select("UART[1].CR")[0]
    assert maps.register(entry).fields[0].read_effect == "starts"


def test_an_effect_of_what_no_map_has_is_refused() -> None:
    maps = maps_of(BOARD, '[effects]\n"UART[0].DX" = "pops"')

    with pytest.raises(InputError, match=r"the effects of map1.toml name 'UART\[0\].DX', which is in none"):
        maps.register(next(maps.entries()))


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("a.svd", MapChoice("a.svd")),
        ("a.svd:UART", MapChoice("a.svd", "UART")),
        ("a.svd:UART[1]@0x100", MapChoice("a.svd", "UART[1]", 0x100)),
        ("a.svd@16", MapChoice("a.svd", "", 16)),
        ("x/y@z.svd", MapChoice("x/y@z.svd")),
    ],
)
def test_a_map_is_spelled_with_block_and_base(text: str, choice: MapChoice) -> None:
    assert parse_map_choice(text) == choice


def test_a_file_with_a_colon_in_its_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "a:b@1").write_text(BOARD)

    assert parse_map_choice(f"{tmp_path}/a:b@1") == MapChoice(f"{tmp_path}/a:b@1")


def test_the_variable_is_a_list_like_path() -> None:
    assert split_map_variable("/a/b.svd:UART0@0x10::c.toml:UART1") == ["/a/b.svd:UART0@0x10", "c.toml:UART1"]


def test_a_block_counts_its_addresses_from_its_own_start(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(BOARD)

    maps = load_maps([f"{path}:UART[1]@0x4000"])

    assert {entry.name: entry.address for entry in maps.entries()} == {
        "UART[1].CR": 0x4030,
        "UART[1].DR": 0x4000,
    }


def test_maps_come_from_the_variable_where_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(BOARD)

    assert load_maps([], {"REGTAP_MAP": f"{path}:DMA"}).find("DMA.CR") is not None
    assert not load_maps([], {})


@pytest.mark.parametrize(
    ("content", "spelled", "text"),
    [
        (BOARD, "{}:UART[4]", r"has no block called 'UART\[4\]'; the nearest are UART\[1\], UART\[0\]"),
        (BOARD, "{}:UART", "has no block called 'UART'"),
        ("", "{}", "it is empty"),
        ("<html/>", "{}", "its root element is <html>"),
        ("registers.R = 1", "{}", r"m.map: the map.registers.R is a number"),
        (
            "blocks.A = {address = 0, count = 1000, step = 4, registers.R = {offset = 0, count = 9999, step = 4}}",
            "{}",
            "more than 1,048,576",
        ),
    ],
)
def test_a_map_that_cannot_be_used_is_named(tmp_path: Path, content: str, spelled: str, text: str) -> None:
    path = tmp_path / "m.map"
    path.write_text(content)

    with pytest.raises(InputError, match=text):
        load_maps([spelled.format(path)])


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_bytes(b"\xef\xbb\xbf" + BOARD.encode())

    assert load_maps([str(path)]).find("ID") is not None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (bytes(5000), "it holds zero bytes and no text; copy it anew"),
    ],
)
def test_a_file_without_text_is_said_to_be_empty_or_zeroed(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "board.toml"
    path.write_bytes(content)

    with pytest.raises(InputError, match=f"board.toml: {says}"):
        load_maps([str(path)])


def test_a_map_may_begin_with_many_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text("\n" * 5000 + BOARD)

    assert load_maps([str(path)]).find("ID") is not None


def test_a_file_that_is_missing_or_too_large_is_named(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(65 * 2**20)

    with pytest.raises(InputError, match="No such file"):
        load_maps([str(tmp_path / "none")])
    with pytest.raises(InputError, match="larger than 64 MiB"):
        load_maps([str(large)])
    with pytest.raises(InputError, match="it is no file"):
        load_maps(["/dev/zero"])
