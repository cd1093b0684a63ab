"""What a question may write shorter than SQL does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.synthetic import STATUS, write_trace

from regtap.errors import InputError
from regtap.registers.model import Field, Register, Value
from regtap_analysis.catalogue.read import read_catalogue
from regtap_analysis.queries.columns import Layout, Names, groups_of
from regtap_analysis.queries.dialects import DuckDialect
from regtap_analysis.queries.rewriting import Rewriter

MODE = Register("U.MODE", 0x30, "u8", (Field("STATE", 0, 2, "", (Value("IDLE", 0), Value("RUN", 1))),))
OTHER = Register("OTHER", 0x34, "u8", (Field("STATE", 4, 2),))


@pytest.fixture(scope="module")
def rewriter(tmp_path_factory: pytest.TempPathFactory) -> Rewriter:
    """Return one for a trace with all kinds of names."""
    path = tmp_path_factory.mktemp("names") / "run"
    registers = [
        STATUS,
        MODE,
        OTHER,
        Register("BIG", 0x40, "u64"),
        Register("F[2].X", 0x50),
        Register("A-B", 0x54),
    ]
    write_trace(path, registers, [0], {register.name: [0] for register in registers})
    return Rewriter(Names(groups_of(read_catalogue([path]).traces)), DuckDialect())


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("SELECT U.MODE FROM samples", 'SELECT "U.MODE" FROM samples'),
        ("SELECT s.u.mode, F[2].X + 1", 'SELECT s."U.MODE", "F[2].X" + 1'),
        ("SELECT U.MODES, A-B", "SELECT U.MODES, A-B"),
        ("SELECT 'U.MODE', \"U.MODE\" -- U.MODE", "SELECT 'U.MODE', \"U.MODE\" -- U.MODE"),
        ("SELECT /* U.MODE */ $$U.MODE$$", "SELECT /* U.MODE */ $$U.MODE$$"),
        ("WHERE STATUS = 0xFF AND x0x1 = '0x1'", "WHERE STATUS = 255 AND x0x1 = '0x1'"),
        ("SELECT 0xffffffffffffffff", "SELECT 18446744073709551615"),
        ("SELECT field FROM t", "SELECT field FROM t"),
        ("SELECT delta(BIG) AS d", "SELECT delta_(BIG, 18446744073709551616::HUGEINT, trace, t_ns) AS d"),
        ("WHERE delta(s.STATUS, 32) > 1", "WHERE delta_(s.STATUS, 4294967296::HUGEINT, s.trace, s.t_ns) > 1"),
        ("SELECT wall_time(m.t_ns)", 'SELECT wall_time_(m.t_ns, m.trace) AS "wall_time(m.t_ns)"'),
    ],
)
def test_questions_become_sql(rewriter: Rewriter, typed: str, expected: str) -> None:
    assert rewriter.rewrite(typed) == expected


@pytest.mark.parametrize(
    "typed", ["field(STATUS, 'LEVEL')", "field(STATUS, LEVEL)", "field( status , 'STATUS.LEVEL' )"]
)
def test_a_field_is_found_by_its_name(rewriter: Rewriter, typed: str) -> None:
    assert ">> 8::UBIGINT) & 15::UBIGINT" in rewriter.rewrite(typed)


def test_a_field_of_an_expression_may_name_its_register(rewriter: Rewriter) -> None:
    text = rewriter.rewrite("field(lag(U.MODE) OVER (ORDER BY t_ns), 'U.MODE.STATE')")

    assert text.startswith('(((lag("U.MODE") OVER (ORDER BY t_ns))::UBIGINT >> 0::UBIGINT) & 3')


def test_names_of_values_come_by_field_name(rewriter: Rewriter) -> None:
    text = rewriter.rewrite("field_name(U.MODE, 'STATE')")

    assert "THEN 'IDLE'" in text
    assert "THEN 'RUN'" in text


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("field(STATUS, 'NONE')", "STATUS has no field 'NONE'; known: STATUS.BUSY, STATUS.DONE"),
        ("field(BIG, 'X')", "the traces carry no fields"),
        ("field(1 + 1, 'STATE')", "'STATE' is several: U.MODE.STATE"),
        ("field(STATUS)", "takes a register and a field"),
        ("delta(BIG + 1)", "takes a value and its width"),
        ("delta(BIGG)", "without one, a register: BIGG is none"),
        ("delta(BIG, 65)", "takes a value and its width"),
        ("wall_time(1, 2)", "takes a time"),
    ],
)
def test_macros_refuse_what_they_cannot_take(rewriter: Rewriter, typed: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace("+", r"\+")):
        rewriter.rewrite(typed)


def test_a_call_that_is_never_closed_is_left_to_the_engine(rewriter: Rewriter) -> None:
    assert rewriter.rewrite("SELECT field(STATUS, 'BUSY'") == "SELECT field(STATUS, 'BUSY'"


def test_descriptions_make_no_other_layout(tmp_path: Path) -> None:
    for number, text in enumerate(("", "nothing happens")):
        values = (Value("IDLE", 0, text), Value("RUN", 1, any_bits=2), Value("GO", 2, use="write"))
        register = Register("MODE", 0x30, "u8", (Field("STATE", 0, 2, text, values, "OTHER"),))
        write_trace(tmp_path / f"{number}", [register], [0], {"MODE": [0]})

    (group,) = groups_of(read_catalogue([tmp_path]).traces)

    assert group.traces == 2
    assert [it.name for it in group.signals[1].values] == ["IDLE", "RUN"]
    assert Layout.from_json(group.layout.to_json()) == group.layout


def test_a_layout_is_the_same_after_json(tmp_path: Path) -> None:
    write_trace(tmp_path / "run", [STATUS, MODE], [0], {"STATUS": [0], "U.MODE": [0]})
    (group,) = groups_of(read_catalogue([tmp_path / "run"]).traces)

    assert Layout.from_json(group.layout.to_json()) == group.layout


_NAMED = ' AS "wall_time(t_ns)"'


@pytest.mark.parametrize(
    "typed",
    [
        "SELECT wall_time(t_ns){} FROM marks",
        "SELECT DISTINCT wall_time(t_ns){}, text, wall_time(t_ns){} FROM marks",
        "SELECT f(wall_time(t_ns)), (wall_time(t_ns)), wall_time(t_ns) AS x, wall_time(t_ns) + 1, [wall_time(t_ns)]",
        "SELECT trace FROM marks WHERE wall_time(t_ns) > x GROUP BY text, wall_time(t_ns) ORDER BY 1, wall_time(t_ns)",
        "SELECT (SELECT wall_time(t_ns){}), x UNION SELECT x, wall_time(t_ns){};",
        "SELECT x, /* y, */ wall_time(t_ns){} -- z\n FROM marks",
    ],
)
def test_an_item_of_a_select_list_is_called_as_it_is_typed(rewriter: Rewriter, typed: str) -> None:
    expected = typed.replace("wall_time(t_ns)", "wall_time_(t_ns, trace)").format(*[_NAMED] * 2)

    assert rewriter.rewrite(typed.replace("{}", "")) == expected
