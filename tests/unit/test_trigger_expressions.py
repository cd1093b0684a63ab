"""Expressions of triggers: what they mean, and where their errors point."""

from __future__ import annotations

import pytest

from regtap.errors import ExpressionError
from regtap.registers.model import Field, Register, Value
from regtap.triggers.model import Comparison, Condition, Joined
from regtap.triggers.parse import parse_condition, parse_trigger

MODE = Field(
    "MODE",
    4,
    2,
    values=(Value("OFF", 0), Value("SLOW", 1), Value("FAST", 2, any_bits=1), Value("SET", 3, use="write")),
)
KIND = Field("KIND", 16, 4, values=(Value("IDLE", 0), Value("READ", 4, any_bits=3)), otherwise="OTHER")
STATUS = Register(
    "STATUS", 0x20, "u32", (Field("BUSY", 0, 1), Field("ERROR", 2, 1), MODE, Field("LEVEL", 8, 8), KIND)
)
COUNT = Register("DMA.COUNT", 0x8, "u16")
OTHER = Register("UART[1].COUNT", 0xC, "u8")
REGISTERS = (STATUS, COUNT, OTHER)


def condition(text: str) -> Condition:
    return parse_trigger(text, REGISTERS).condition


def error(text: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        parse_trigger(text, REGISTERS)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("word", ["rises", "falls", "changes"])
def test_an_edge_of_a_field_is_one_of_its_bits(word: str) -> None:
    assert condition(f"STATUS.ERROR {word}") == Comparison(0, 4, word)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sign", "operator"),
    [
        ("==", "equal"),
        ("!=", "not_equal"),
        ("<", "less"),
        ("<=", "at_most"),
        (">", "greater"),
        (">=", "at_least"),
    ],
)
def test_a_value_of_a_field_stands_where_the_field_does(sign: str, operator: str) -> None:
    assert condition(f"STATUS.LEVEL{sign}0x7f") == Comparison(0, 0xFF00, operator, 0x7F00)  # type: ignore[arg-type]


def test_a_mask_counts_from_the_fields_lowest_bit() -> None:
    assert condition("STATUS.LEVEL & 0xf0 == 0x30") == Comparison(0, 0xF000, "equal", 0x3000)
    assert condition("STATUS & 5 changes") == Comparison(0, 5, "changes")


def test_the_name_of_a_value_is_its_number() -> None:
    assert condition("STATUS.MODE == SLOW") == Comparison(0, 0x30, "equal", 0x10)


def test_a_value_whose_bits_may_be_anything_leaves_them_out() -> None:
    assert condition("STATUS.MODE != FAST") == Comparison(0, 0x20, "not_equal", 0x20)


def test_the_name_of_every_other_value_is_none_of_the_named() -> None:
    parts = (Comparison(0, 0xF0000, "not_equal", 0), Comparison(0, 0xC0000, "not_equal", 0x40000))

    assert condition("KIND == OTHER") == Joined("and", parts)
    assert parse_trigger("BUSY rises and KIND == OTHER", REGISTERS).alternatives == (0b111,)


def test_every_other_value_counts_as_a_comparison_for_each_named() -> None:
    whole = " and ".join(["KIND == OTHER"] * 8)

    assert len(parse_trigger(whole, REGISTERS).comparisons) == 16
    assert "at most 16 comparisons" in error(f"BUSY rises and {whole}")


def test_tails_of_names_and_names_with_brackets_will_do() -> None:
    assert condition("ERROR rises") == condition("STATUS.ERROR rises")
    assert condition("UART[1].COUNT falls") == Comparison(2, 0xFF, "falls")


def test_and_binds_more_than_or_and_brackets_more_than_both() -> None:
    a, b, c = (condition(f"STATUS == {number}") for number in (1, 2, 3))
    assert condition("STATUS==1 or STATUS==2 and STATUS==3") == Joined("or", (a, Joined("and", (b, c))))
    assert condition("(STATUS==1 or STATUS==2) and STATUS==3") == Joined("and", (Joined("or", (a, b)), c))


def test_alternatives_are_what_is_enough() -> None:
    trigger = parse_trigger("(BUSY == 1 or ERROR rises) and (MODE == OFF or LEVEL > 3)", REGISTERS)
    assert [f"{bits:04b}" for bits in trigger.alternatives] == ["0101", "1001", "0110", "1010"]


def test_sixteen_comparisons_have_at_most_324_alternatives() -> None:
    triples = " and ".join(["(BUSY rises or ERROR rises or MODE changes)"] * 4)
    trigger = parse_trigger(f"{triples} and (BUSY falls or ERROR falls or LEVEL > 1 or LEVEL < 1)", REGISTERS)
    assert len(trigger.alternatives) == 324


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("STATUS.EROR rises", 1, "nothing called 'STATUS.EROR'; the nearest are STATUS.ERROR"),
        (
            "STATUS == 1 or GPIO rises",
            16,
            "nothing called 'GPIO'; the registers are STATUS, DMA.COUNT, UART[1].COUNT",
        ),
        ("COUNT rises", 1, "'COUNT' is ambiguous; it could be DMA.COUNT, UART[1].COUNT"),
        ("STATUS.LEVEL == 256", 17, "the value 256 does not fit STATUS.LEVEL (0 to 0xff)"),
        ("DMA.COUNT & 0x1ffff == 1", 13, "the mask 0x1ffff does not fit DMA.COUNT (0 to 0xffff)"),
        ("DMA.COUNT & 0 == 0", 13, "a mask of 0 leaves nothing to compare"),
        ("DMA.COUNT & 0xf0 == 0x31", 21, "bits outside of the mask"),
        ("DMA.COUNT < 0", 11, "it is never < 0"),
        ("DMA.COUNT > 0xffff", 11, "it is never > 65535"),
        ("DMA.COUNT >= 0", 11, "it is always >= 0"),
        ("DMA.COUNT <= 65535", 11, "it is always <= 65535"),
        ("STATUS.MODE == FSAT", 16, "no value called 'FSAT'; it has OFF, SLOW, FAST"),
        ("STATUS.MODE == SET", 16, "no value called 'SET'"),
        ("STATUS.MODE > FAST", 15, "stands for several numbers; use == or !="),
        ("STATUS.BUSY ==", 15, "a value is a number here"),
        ("STATUS.KIND == OTTER", 16, "no value called 'OTTER'; it has IDLE, READ, OTHER"),
        ("STATUS.KIND != OTHER", 16, "'OTHER' stands for every other value of a whole field; use =="),
        ("STATUS.KIND & 3 == OTHER", 20, "'OTHER' stands for every other value of a whole field"),
        ("STATUS.BUSY == ON", 16, "have no names; write a number"),
        ("STATUS.ERROR", 13, "after STATUS.ERROR comes rises, falls, changes, or one of == != < <= > >="),
        ("STATUS.ERROR = 1", 14, "'=' is not understood here; write =="),
        ("BUSY rises && ERROR rises", 12, "'&&' is not understood here; write and"),
        ("BUSY rises ERROR rises", 12, "join the next one with `and` or `or`"),
        ("BUSY rises and", 15, "the name of a register or field is missing here"),
        ("(BUSY rises or ERROR rises", 27, "the bracket of column 1 is not closed"),
        ("BUSY rises)", 11, "a comparison ends before this"),
        ("", 1, "the name of a register or field is missing here"),
        ("STATUS == 0x1z", 11, "not a valid value"),
        ("STATUS == 99999999999999999999999", 11, "does not fit 64 bits"),
        ("STATUS == rises", 11, "a value is a number here"),
        ("0x20 rises", 1, "the name of a register or field is missing here"),
        ("STATUS rises $", 14, "'$' is not understood here"),
    ],
)
def test_an_error_says_where_and_what(text: str, column: int, said: str) -> None:
    message = error(text)
    assert message.startswith(f"the trigger, column {column}, at ")
    assert said in message


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("BUSY rises and ", 15, "the condition, column 15, at its end: "),
        ("BUSY rises $", 12, "the condition, column 12, at '$': "),
        (
            " or ".join(["BUSY rises"] * 17),
            225,
            "the condition, column 225, at 'BUSY rises': a condition has at most",
        ),
        ("x" * 5000, 4097, "a condition has at most 4,096 letters"),
    ],
)
def test_a_condition_to_search_for_is_called_one(text: str, column: int, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_condition(text, REGISTERS)
    assert str(caught.value).startswith(said)
    assert caught.value.column == column


def test_a_seventeenth_comparison_is_refused_at_its_place() -> None:
    text = " or ".join(["BUSY rises"] * 17)
    assert error(text).startswith(
        f"the trigger, column {len(text) - 9}, at 'BUSY rises': a trigger has at most 16"
    )


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "BUSY rises" + ")" * 5000, "(" * 200 + "BUSY rises" + ")" * 200]
)
def test_brackets_without_end_are_refused(text: str) -> None:
    assert "at most 4,096 letters" in error(text) or "nested more than 100 deep" in error(text)
