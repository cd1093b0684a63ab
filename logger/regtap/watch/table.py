"""The table of a live view: columns that fit the width, as spans of text with a style."""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from regtap.units.format import format_duration_ns, format_rate
from regtap.watch.spark import MOST, in_ascii

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regtap.watch.values import Row, View

_FRESH_NS, _RECENT_NS, _FADING_NS = 300_000_000, 1_000_000_000, 3_000_000_000
_LEAST_SPARK = 8
_MOST_NAME = 40
_SNAPSHOT = "SNAPSHOT"
_MOST_VALUE = 32  # a value's name may be long


class Style(enum.IntEnum):
    """How a span is drawn."""

    PLAIN = 0
    FAINT = 1
    HEADING = 2
    FRESH = 3  # changed just now
    RECENT = 4
    FADING = 5
    FAULT = 6
    DIFFERENT = 7  # from the snapshot


Span: TypeAlias = tuple[int, str, Style]  # column of its first character, text, style


class Numbers(enum.Enum):
    """How values are written."""

    BOTH = "hexadecimal and decimal"
    HEXADECIMAL = "hexadecimal"
    DECIMAL = "decimal"


@dataclass(frozen=True, slots=True)
class Look:
    """How a table is asked to look.

    Attributes:
        numbers: The form of values.
        has_field_rows: Whether each field has a row of its own; else a register's fields share a line.
        has_snapshot: Whether there is a snapshot to compare with.
        is_ascii: Whether to do without characters beyond ASCII.
    """

    numbers: Numbers = Numbers.BOTH
    has_field_rows: bool = False
    has_snapshot: bool = False
    is_ascii: bool = False


@dataclass(frozen=True, slots=True)
class _Column:
    """A column.

    Attributes:
        title: Its heading.
        text: The text of a row in this column.
        rank: Columns of a higher rank go first where the width does not do.
        is_left: Whether its texts begin at the left.
        shows_change: Whether its style says how long ago the value changed.
    """

    title: str
    text: Callable[[Row], str]
    rank: int = 0
    is_left: bool = False
    shows_change: bool = False


def fade_style(row: Row) -> Style:
    """Return the style for how long ago a value changed."""
    activity = row.activity
    if activity.is_faulted:
        return Style.FAULT
    if activity.changes == 0 or activity.unchanged_ns >= _FADING_NS:
        return Style.PLAIN
    if row.new_changes or activity.unchanged_ns < _FRESH_NS:
        return Style.FRESH
    return Style.RECENT if activity.unchanged_ns < _RECENT_NS else Style.FADING


def plain_text(spans: Sequence[Span]) -> str:
    """Return a line without its styles."""
    line = ""
    for x, text, _ in spans:
        line = line.ljust(x) + text
    return line.rstrip()


def shown_text(text: str) -> str:
    """Return a text of any source for a table: each character takes one cell of the terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_one_cell(c) else c.encode("unicode_escape").decode() for c in text)


def _is_one_cell(character: str) -> bool:
    return (
        character.isprintable()
        and not unicodedata.combining(character)
        and unicodedata.east_asian_width(character) not in ("W", "F")
    )


class Table:
    """Lays rows out as a table; columns never become narrower, so that the table does not jump."""

    def __init__(self) -> None:
        self._widths: dict[str, int] = {}

    def lines(self, view: View, rows: Sequence[Row], width: int, look: Look) -> list[tuple[Span, ...]]:
        """Return the heading, then one line for each row, and a second line for a row with fields.

        Args:
            view: All rows; fields are found there.
            rows: Those to show, without fields that share a line.
            width: Width of the terminal.
            look: How.
        """
        columns = _columns(look)
        texts = [[column.text(row) for column in columns] for row in rows]
        widths = self._fit(columns, texts)
        kept = _kept(columns, widths, width)
        left = width - sum(widths[number] + 2 for number in kept)
        spark_width = min(left, MOST) if left >= _LEAST_SPARK else 0
        lines = [_heading(columns, widths, kept, spark_width)]
        parts = {} if look.has_field_rows else _parts(view)
        for row, cells in zip(rows, texts, strict=True):
            lines.append(_line(row, cells, columns, widths, kept, spark_width, look))
            if fields := parts.get(row.line.name):
                lines += _field_lines(fields, width)
        return lines

    def _fit(self, columns: Sequence[_Column], texts: Sequence[Sequence[str]]) -> list[int]:
        widths = [len(column.title) for column in columns]
        if texts:
            widths = [
                max(width, *map(len, cells))
                for width, cells in zip(widths, zip(*texts, strict=True), strict=True)
            ]
        for number, column in enumerate(columns):
            widths[number] = max(widths[number], self._widths.get(column.title, 0))
            self._widths[column.title] = widths[number]
        return widths


def _columns(look: Look) -> list[_Column]:
    columns = [_Column("NAME", _name, is_left=True)]
    if look.numbers is not Numbers.DECIMAL:
        columns.append(_Column("VALUE", _hexadecimal, is_left=True, shows_change=True))
    if look.numbers is not Numbers.HEXADECIMAL:
        columns.append(_Column("DECIMAL", _decimal, rank=3, shows_change=look.numbers is Numbers.DECIMAL))
    if look.has_snapshot:
        columns.append(_Column(_SNAPSHOT, _snapshot, rank=1, is_left=True))
    columns += [
        _Column("CHANGES", lambda row: format_rate(row.rate_hz) if row.rate_hz else "", rank=1),
        _Column("UNCHANGED", _unchanged, rank=2),
        _Column("SMALLEST", lambda row: _number(row, row.activity.smallest), rank=4),
        _Column("LARGEST", lambda row: _number(row, row.activity.largest), rank=4),
        _Column("COUNT", lambda row: f"{row.activity.changes}", rank=5),
    ]
    return columns


def _kept(columns: Sequence[_Column], widths: Sequence[int], width: int) -> list[int]:
    """Return the numbers of the columns that fit the width; the first columns always stay."""
    kept = list(range(len(columns)))
    while sum(widths[number] + 2 for number in kept) - 2 > width:
        rank = max(columns[number].rank for number in kept)
        if rank == 0:
            break
        kept = [number for number in kept if columns[number].rank != rank]
    return kept


def _heading(
    columns: Sequence[_Column], widths: Sequence[int], kept: Sequence[int], spark_width: int
) -> tuple[Span, ...]:
    spans: list[Span] = []
    x = 0
    for number in kept:
        title, cells = columns[number].title, widths[number]
        spans.append(
            (x, title.ljust(cells) if columns[number].is_left else title.rjust(cells), Style.HEADING)
        )
        x += cells + 2
    if spark_width:
        spans.append((x, "LATELY".ljust(spark_width), Style.HEADING))
    return tuple(spans)


def _line(  # noqa: PLR0913, PLR0917 - a row's text, and where it goes
    row: Row,
    cells: Sequence[str],
    columns: Sequence[_Column],
    widths: Sequence[int],
    kept: Sequence[int],
    spark_width: int,
    look: Look,
) -> tuple[Span, ...]:
    plain = Style.FAULT if row.activity.is_faulted else Style.PLAIN
    spans: list[Span] = []
    begin, text, style = 0, "", plain  # cells of one style are one span
    for number in kept:
        column, cell = columns[number], cells[number]
        here = fade_style(row) if column.shows_change else plain
        if column.title == _SNAPSHOT and row.is_different:
            here = Style.DIFFERENT
        if here is not style:
            spans.append((begin, text, style))
            begin, text, style = begin + len(text), "", here
        text += cell.ljust(widths[number]) if column.is_left else cell.rjust(widths[number])
        if here is not plain:
            spans.append((begin, text, here))
            begin, text, style = begin + len(text), "", plain
        text += "  "
    spans.append((begin, text, style))
    if spark_width:
        drawn = in_ascii(row.spark) if look.is_ascii else row.spark
        spans.append((begin + len(text), drawn[-spark_width:].rjust(spark_width), Style.FAINT))
    return tuple(spans)


def _parts(view: View) -> dict[str, list[Row]]:
    """Return the rows of fields by the name of their register."""
    parts: dict[str, list[Row]] = {}
    owner = ""
    for row in view.rows:
        if row.line.is_part:
            parts.setdefault(owner, []).append(row)
        else:
            owner = row.line.name
    return parts


def _field_lines(fields: Sequence[Row], width: int) -> list[tuple[Span, ...]]:
    """Return the fields of a register on as many lines as needed."""
    lines: list[tuple[Span, ...]] = []
    spans: list[Span] = []
    x = 2
    for row in fields:
        field = row.line.item.field
        text = f"{'' if field is None else shown_text(field.name)}={_decimal(row) or '?'}"
        if spans and x + len(text) > width:
            lines.append(tuple(spans))
            spans, x = [], 2
        style = fade_style(row)
        spans.append((x, text, Style.FAINT if style is Style.PLAIN else style))
        x += len(text) + 2
    return [*lines, tuple(spans)]


def _name(row: Row) -> str:
    field = row.line.item.field
    name = f"  {field.name}[{field.span}]" if row.line.is_part and field is not None else row.line.name
    name = shown_text(name)
    return name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}~"


def _hexadecimal(row: Row) -> str:
    value = row.activity.value
    if value is None:
        return "bus error" if row.activity.is_faulted else "..."
    digits = -(-row.line.item.bits[1] // 4)
    text = f"0x{value:0{digits}x}"
    return f"{text} bus error" if row.activity.is_faulted else text


def _decimal(row: Row) -> str:
    return "" if row.activity.value is None else _spelled(row, row.activity.value)


def _spelled(row: Row, value: int) -> str:
    """Return a number in decimal, with its name if it is a field's named value."""
    field = row.line.item.field
    name = "" if field is None else field.name_of(value)
    if not name:
        return f"{value}"
    text = f"{value} ({shown_text(name)})"
    return text if len(text) <= _MOST_VALUE else f"{text[: _MOST_VALUE - 1]}~"


def _snapshot(row: Row) -> str:
    if row.snapshot is None:
        return ""
    text = f"0x{row.snapshot:0{-(-row.line.item.bits[1] // 4)}x}"
    return f"{text} !" if row.is_different else text


def _unchanged(row: Row) -> str:
    activity = row.activity
    if activity.value is None:
        return ""
    return _short(activity.unchanged_ns) if activity.changes else f">{_short(activity.unchanged_ns)}"


def _short(duration_ns: int) -> str:
    """Return a time span rounded to tenths of a second, so that the text does not flicker."""
    if duration_ns < 60 * 10**9:
        return f"{duration_ns / 10**9:.1f} s"
    return format_duration_ns(duration_ns - duration_ns % 10**9)


def _number(row: Row, value: int) -> str:
    return "" if row.activity.value is None else f"{value}"
