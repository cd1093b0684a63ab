"""`regtap plot`: the picture of a trace."""

from __future__ import annotations

import os
from pathlib import Path

import click

from regtap.cli.names import maps_of
from regtap.cli.options import map_option
from regtap.cli.output import print_lines, print_note
from regtap.errors import InputError
from regtap.system.output import check_new, write_output
from regtap.trace.moments import find_mark, parse_moment_ns
from regtap.trace.reader import open_trace
from regtap.units.format import count_of
from regtap_analysis.plot.layout import WIDTH_PX

_FORMATS = ("png", "svg")
_SHOWN = 20  # characters that a note lists


@click.command(short_help="Draw a trace as PNG or SVG.")
@click.argument("trace", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Picture to write, .png or .svg [TRACE.png]."
)
@click.option(
    "--register",
    "registers",
    multiple=True,
    metavar="NAME",
    help="Only this register or field; may be repeated.",
)
@click.option("--from", "first", metavar="TIME", help="Show from this time after the start, such as 1.5s.")
@click.option("--to", "stop", metavar="TIME", help="Show up to this time after the start.")
@click.option(
    "--align",
    metavar="MARK",
    help="Count time, also of --from and --to, from the first mark whose text begins so, such as trigger.",
)
@click.option(
    "--width", type=click.IntRange(400, 20000), default=WIDTH_PX, show_default=True, help="In pixels."
)
@click.option("--height", type=click.IntRange(200, 20000), help="In pixels [what the lanes need].")
@map_option
@click.option("--force", is_flag=True, help="Overwrite an existing picture.")
def plot(
    *,
    trace: str,
    output: Path | None,
    registers: tuple[str, ...],
    first: str | None,
    stop: str | None,
    align: str | None,
    width: int,
    height: int | None,
    map_texts: tuple[str, ...],
    force: bool,
) -> None:
    """Draw the registers of TRACE over time as a PNG or SVG.

    Each column of the picture spans from the smallest to the largest sample in it, so a single odd sample
    shows at any zoom. Gaps are shaded by cause, marks are named.
    """
    from regtap_analysis.plot.picture import PictureOptions, make_picture  # imports numpy

    opened = open_trace(trace, maps_of(map_texts))
    path = output or default_output(Path(trace))
    zero = None if align is None else find_mark(opened, align)
    options = PictureOptions(
        registers=registers,
        first_ns=None if first is None else parse_moment_ns(first, zero),
        stop_ns=None if stop is None else parse_moment_ns(stop, zero),
        zero=zero,
        width=width,
        height=height,
        format=check_output(path, force=force),
    )
    picture = make_picture(opened, options)
    write_output(path, picture.content, force=force)
    if picture.missing:
        print_note(f"no font here has {_some(picture.missing)}: install one, such as Noto Sans CJK")
    print_lines([f"{path}: {count_of(picture.reading.rows, 'row')} of {opened.path}"])


def _some(characters: str) -> str:
    return f"{characters[:_SHOWN]}…" if len(characters) > _SHOWN else characters


def default_output(trace: Path) -> Path:
    """Return the default path of a trace's picture: beside the trace, with its name."""
    folder = trace.resolve()
    return (
        trace.parent / f"{trace.name}.png"
        if trace.name not in ("", "..")
        else folder.with_name(f"{folder.name}.png")
    )


def check_output(path: Path, *, force: bool) -> str:
    """Return the format of a picture by the ending of its name.

    Raises:
        InputError: It asks for none, the file exists and is not to be overwritten, or cannot be made there.
    """
    file_format = path.suffix.lower().removeprefix(".")
    if file_format not in _FORMATS:
        raise InputError(f"cannot tell the format of {path}; name it .png or .svg")
    check_new(path, force=force)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"cannot write {path}: no permission to write in {path.parent}; name another output with -o"
        )
    return file_format
