"""The value of the fixture `register_trace`, from its start to the decision whether its trace is kept."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regtap.errors import InputError
from regtap.pytest_plugin._folders import RunFolder, discard
from regtap.pytest_plugin._settings import settings_of

if TYPE_CHECKING:
    from regtap.errors import FaultError
    from regtap.pytest_plugin._settings import Settings
    from regtap.recording.capture import Capture
    from regtap.recording.summary import Summary
    from regtap.registers.model import Register
    from regtap.trace.reader import Trace


class LossWarning(pytest.PytestWarning):
    """The capture of a test lost samples; its trace has their positions."""


class RegisterTrace:
    """Records registers while a test runs.

    Attributes:
        path: The trace's folder; it stays after the test if the trace is kept.
        capture: The capture itself, for what is rarely needed: `status()`, `wait()`.
    """

    def __init__(self, capture: Capture, keep: str) -> None:
        self.path = Path(capture.output)
        self.capture = capture
        self._keep = keep
        self._owner_pid = os.getpid()
        self._ended = False
        self._fault_raised = False
        self._failed = False
        self._lines: list[str] = []  # for the next report
        self._path_told = False
        self._balance_told = False

    @property
    def _is_ours(self) -> bool:
        """Whether this process records; a child that a test forked does not."""
        return os.getpid() == self._owner_pid

    @property
    def registers(self) -> tuple[Register, ...]:
        """The recorded registers."""
        return self.capture.registers

    @property
    def summary(self) -> Summary:
        """The result of the capture; only after stop().

        Raises:
            InputError: It is still running.
        """
        return self.capture.summary

    def mark(self, text: str) -> None:
        """Name this moment in the trace.

        Raises:
            InputError: The capture has ended.
        """
        self.capture.mark(text)

    def stop(self) -> Trace:
        """End the capture now and return its trace; a second call returns it, or raises the fault, again.

        Raises:
            FaultError: A register stopped answering, or the disk refused.
        """
        from regtap.errors import FaultError

        __tracebackhide__ = True
        self.end()
        self._fault_raised = True  # below, if there was one
        try:
            self.capture.raise_fault()
        except FaultError as fault:
            raise fault.with_traceback(None) from None  # the test's own line is the one to show
        return self.capture.trace()

    def end(self) -> None:
        """End the capture; a second call does nothing."""
        if not self._ended:
            self.capture.close()
            self._ended = True  # not before: interrupted, it is to be called again

    def finish(self, item: pytest.Item) -> None:
        """End the capture; a fault is an error of the test or a warning."""
        if not self._is_ours:
            return
        self.end()
        if self._keep == "never":
            self._discard()
        fault = None if self._fault_raised else self._fault()
        if fault is not None:
            text = str(fault)
            raise _failure(text.partition(";")[0] if self._keep == "never" else text)  # not where the rest is
        if self.summary.fault is None and not self.summary.clean:
            text = f"{' '.join(register.name for register in self.registers)}: {_loss(self.summary)}"
            if item.config.getini("regtap_lossless"):
                raise _failure(text)
            item.warn(LossWarning(f"regtap: {text}"))

    def _fault(self) -> FaultError | None:
        from regtap.errors import FaultError

        try:
            self.capture.raise_fault()
        except FaultError as fault:
            return fault
        return None

    def note(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Take the result of a phase of the test; after the last phase, keep or discard the trace."""
        if not self._is_ours:
            return
        if report.failed:
            self._failed = True
            if not self._ended:
                with contextlib.suppress(InputError):  # it has ended by itself
                    self.capture.mark("failed")
                    if self.capture.options.overwrites:
                        self.capture.snapshot()  # what led to this; the teardown would overwrite it
        is_last = report.when == "teardown"
        if self._is_kept(is_last):
            self._add_path(item, report)
        if self._ended and (self._path_told or not self.summary.clean):
            self._add_balance()
        if self._lines:
            report.sections.append((f"regtap trace ({report.when})", "\n".join(self._lines)))
            self._lines = []
        if is_last and self._ended and not self._path_told:
            self._discard()

    def _is_kept(self, is_last: bool) -> bool:
        """Return whether the results so far decide that the trace is kept."""
        return (self._keep == "failed" and self._failed) or (self._keep == "always" and is_last)

    def _add_path(self, item: pytest.Item, report: pytest.TestReport) -> None:
        if self._path_told:
            return
        self._path_told = True
        self._lines.append(str(self.path))
        if not self._ended:
            self._lines.append('its mark "failed" is this moment; the recording ends with the teardown')
        for properties in (item.user_properties, report.user_properties):  # the report has its own copy
            properties.append(("regtap_trace", str(self.path)))

    def _add_balance(self) -> None:
        if not self._balance_told:
            self._balance_told = True
            self._lines += [_balance(self.summary), *self.summary.warnings]

    def _discard(self) -> None:
        discard(self.path)
        if self.summary.spool is not None:
            with contextlib.suppress(FileNotFoundError):
                Path(self.summary.spool).unlink()


def start(item: pytest.Item, default_target: str, folder: RunFolder) -> RegisterTrace:
    """Start the capture of a test; a refusal is an error of the test, or skips it."""
    from regtap.errors import RefusedError, RegtapError

    reason: RegtapError | None = None
    try:
        settings = settings_of(item)
        return RegisterTrace(_capture(item, settings, default_target, folder), settings.keep)
    except RegtapError as error:
        reason = error
    # Out of the handler, so that the report shows this line only.
    if isinstance(reason, RefusedError) and item.config.getini("regtap_unavailable") == "skip":
        pytest.skip(f"regtap: {reason}")
    raise _failure(str(reason))


def _capture(item: pytest.Item, settings: Settings, default_target: str, folder: RunFolder) -> Capture:
    from regtap.errors import InputError
    from regtap.recording.api import record

    target = settings.target or default_target
    _check_shareable(item, target)
    try:
        path = folder.new_path(item.nodeid)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {folder.path}: {error.strerror}; name another with --regtap-dir"
        ) from error
    capture = record(settings.registers, path, target=target, **settings.options)
    capture.start()
    capture.wait_for_first_row()
    return capture


def _check_shareable(item: pytest.Item, target: str) -> None:
    """Raise an error if several xdist workers would read a device at once: reads may change the device."""
    from regtap.errors import InputError
    from regtap.targets import parse_target

    workers = getattr(item.config, "workerinput", {}).get("workercount", 1)
    if workers == 1 or not parse_target(target).is_device:
        return
    if getattr(item.config.option, "loadgroup", False) and item.get_closest_marker("xdist_group"):
        return  # tests of one group run one after the other, in one worker
    raise InputError(
        f"{target} is a device, which {workers} xdist workers cannot share, since a read may change it; "
        'use -n0, or --dist loadgroup with the same @pytest.mark.xdist_group("NAME") on all its tests'
    )


def _failure(text: str) -> BaseException:
    return pytest.fail.Exception(f"regtap: {text}", pytrace=False)


def _loss(summary: Summary) -> str:
    totals = summary.totals
    if totals.ended == "full":
        return f"the capture ended early because its ring was full; {_balance(summary)}"
    if summary.caught is not None and summary.caught_nothing:
        from regtap.units.format import format_duration_ns

        return f"no trigger in {format_duration_ns(summary.pace.elapsed_ns)}: {summary.caught.expression}"
    if summary.short:
        wanted = "keep_last" if summary.caught is None else "pre"
        return f"the ring could not hold {wanted}; lower the rate, or give a larger spool_size"
    lost = totals.lost - totals.overwritten
    return f"{lost:,} of {totals.taken:,} samples lost; lower the rate, or give a larger spool_size"


def _balance(summary: Summary) -> str:
    rest = "" if summary.spool is None else "unwritten"  # not where: the spool is discarded with the trace
    return summary.totals.line(rest)
