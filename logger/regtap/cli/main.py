"""The command `regtap`: subcommands from the entry-point group `regtap.commands`, errors into exit codes.

A subcommand is a click command. It prints results on stdout and everything else on stderr, raises the errors
of regtap.errors, and may return an integer, which becomes the exit code: a command that finished with a
finding says `return ExitCode.FINDING`. Returning nothing is ExitCode.OK.
"""

from __future__ import annotations

import errno
import functools
import importlib
import io
import sys
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import click

from regtap.cli.output import ExitCode, open_standard_descriptors, print_error, settle_output
from regtap.errors import InputError, RefusedError, RegtapError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ExitCode", "main", "run"]

_NAME = "regtap"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_OUTPUT_ERRORS = (*_FULL, errno.EFBIG, errno.EIO, errno.EBADF)
_EXIT_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (click.ClickException, ExitCode.INPUT),
    (InputError, ExitCode.INPUT),
    (RefusedError, ExitCode.REFUSED),
    (RegtapError, ExitCode.FAULT),
    (click.Abort, ExitCode.INTERRUPTED),
    (OSError, ExitCode.REFUSED),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; an error is one line on stderr.

    Args:
        arguments: Without the program's name; those of this process by default.
    """
    return run(_regtap, _NAME, arguments)


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command as main() does its own.

    Args:
        command: Name of the command.
        name: Name of the program in its help.
        arguments: Without the program's name; those of this process by default.
    """
    open_standard_descriptors()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be no text
    try:
        result = command.main(arguments, prog_name=name, standalone_mode=False)
    except (RegtapError, click.ClickException, click.Abort, OSError) as error:
        result = _failed(error)
    finally:
        settle_output()
    return result if isinstance(result, int) else ExitCode.OK


class _EntryPointGroup(click.Group):
    """A group whose commands are imported when they are called, or listed in the help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return sorted(_entries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = _entries().get(cmd_name)
        return None if entry is None else _load(entry)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, _help_line(entry)) for name, entry in sorted(_entries().items())])

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _pipe_closed():  # --help and --version print here
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _pipe_closed():
            try:
                return super().invoke(ctx)
            except click.UsageError as error:
                if error.ctx is None:  # click leaves the command out of some errors
                    error.ctx = self._context_of_called(ctx)
                raise

    def _context_of_called(self, ctx: click.Context) -> click.Context:
        name = ctx.invoked_subcommand or ""
        command = self.get_command(ctx, name)
        return ctx if command is None else click.Context(command, parent=ctx, info_name=name)


@contextmanager
def _pipe_closed() -> Iterator[None]:
    """Raise an error of our own for a broken pipe: click would exit with 1, which means a finding here."""
    try:
        yield
    except BrokenPipeError as error:
        raise _PipeClosedError from error


class _PipeClosedError(RegtapError):
    """The process that read our output has gone."""


@click.group(
    cls=_EntryPointGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name=_NAME, message="%(prog)s %(version)s")
@click.pass_context
def _regtap(ctx: click.Context) -> int:
    """Record memory-mapped registers at bus speed, and measure what each access costs."""
    if ctx.invoked_subcommand is not None:
        return ExitCode.OK
    click.echo(ctx.get_help(), err=True)
    return ExitCode.INPUT


@functools.cache
def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="regtap.commands")}


def _help_line(entry: EntryPoint) -> str:
    """Return a command's line in the help; the command is imported only where its package keeps no such line."""
    package, _, _ = entry.module.rpartition(".")
    try:
        lines: dict[str, str] = getattr(importlib.import_module(package or entry.module), "HELP_LINES", {})
    except ImportError:
        lines = {}
    return lines.get(entry.name) or _load(entry).get_short_help_str()


def _load(entry: EntryPoint) -> click.Command:
    try:
        command = entry.load()
    except (ImportError, AttributeError) as error:
        return _unavailable(entry.name, error)
    assert isinstance(command, click.Command), entry.value  # noqa: S101 (a mistake in the package itself)
    return command


def _unavailable(name: str, error: Exception) -> click.Command:
    """Return a command that only refuses, with the error of loading; all others stay usable."""

    def refuse() -> None:
        cause = f"the command {name} cannot be loaded ({error})"
        raise RefusedError(cause, remedy="install regtap again, with its dependencies") from error

    return click.Command(
        name,
        callback=refuse,
        short_help="(cannot be loaded)",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def _failed(error: Exception) -> int:
    if isinstance(error, _PipeClosedError):
        return ExitCode.PIPE_CLOSED
    if not isinstance(error, click.Abort):
        print_error(_text(error))
    if isinstance(error, OSError) and (_is_of_output(error) or error.errno in _FULL):
        return ExitCode.FAULT
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))


def _is_of_output(error: OSError) -> bool:
    """Return whether an error is from printing on stdout; other errors have a file's name, or a class."""
    return error.filename is None and error.errno in _OUTPUT_ERRORS


def _text(error: Exception) -> str:
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else _NAME
        return f"{error.format_message().rstrip('.')}; see `{path} --help`"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        if _is_of_output(error):
            return f"cannot print the result: {reason}; see where standard output goes"
        return f"{error.filename or 'the system refused'}: {reason}"
    return str(error)
