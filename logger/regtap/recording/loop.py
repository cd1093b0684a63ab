"""The loop of a capture, with its clock and the spool that it fills."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from regtap.clock.live import Timebase
from regtap.clock.source import best_source
from regtap.recording.messages import small_spool_warnings
from regtap.recording.template import make_template
from regtap.sampling.cost import row_cost_ns
from regtap.sampling.sampler import make_sampler
from regtap.spool.document import make_document
from regtap.spool.own import OwnSpool
from regtap.spool.pointer import SpoolPointer
from regtap.spool.size import check_memory, free_size_bytes, largest_spool_bytes, needed_bytes
from regtap.system import cpus
from regtap.system.host import boot_id
from regtap.system.memory import available_memory

if TYPE_CHECKING:
    from regtap.clock.source import Source
    from regtap.recording.description import Description
    from regtap.recording.options import RecordOptions
    from regtap.registers.model import Register
    from regtap.sampling.sampler import Sampler
    from regtap.spool.ring import Ring
    from regtap.targets.device import Device
    from regtap.trace.metadata import PartMetadata

_NUMBERS_BYTES = 256  # by which the numbers of a clock may be longer in one document than in another


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that is ready to start.

    Attributes:
        sampler: The loop itself.
        spool: The file that outlives this process.
        ring: The blocks in it, which the loop fills.
        timebase: The capture's clock.
        template: Metadata that all parts share.
        writer_cpus: CPUs of all threads but the loop's; empty: any.
        warnings: Warnings for the user, a line each.
    """

    sampler: Sampler
    spool: OwnSpool
    ring: Ring
    timebase: Timebase
    template: PartMetadata
    writer_cpus: set[int]
    warnings: tuple[str, ...]

    @classmethod
    def open(cls, what: Description, device: Device, identity: str, leftovers: list[str]) -> Self:
        """Make the spool and the loop; a refusal leaves nothing behind.

        Args:
            what: The request.
            device: The open target.
            identity: The capture's own; see new_identity().
            leftovers: Gets a line for each file that could not be removed after a refusal.

        Raises:
            InputError: The spool holds no row, or the options ask for more rows than it holds.
            RefusedError: Shared memory has not that much room.
        """
        options = what.options
        cpu, writer_cpus = cpus.choose_cpus(options.cpu)
        source = best_source(what.target.is_device)
        draft = make_document(make_template(what, Timebase(source)), what.output, identity)
        size_bytes, warnings = _spool_size(options, what.registers, len(draft) + _NUMBERS_BYTES)
        row_cost = _row_cost_ns(what, device, source)
        with ExitStack() as stack:
            spool = OwnSpool(size_bytes)
            stack.callback(close_spool, spool, leftovers)
            timebase = Timebase(source)  # t_ns begins here, when all that takes long is done
            template = make_template(what, timebase)
            ring = spool.format(
                what.registers,
                make_document(template, what.output, identity),
                latency=options.latency,
                most_block_bytes=options.most_block_bytes,
            )
            options.check_kept_rows(ring.block_count, ring.rows_per_block, row_cost)
            plan = options.plan(source, ring.block_count, cpu, what.registers, what.trigger)
            sampler = make_sampler(ring.memory, device, what.registers, plan)
            stack.pop_all()
        return cls(sampler, spool, ring, timebase, template, writer_cpus, tuple(warnings))

    def pointer(self, identity: str) -> SpoolPointer:
        """Return the pointer to the spool, for the trace's folder."""
        status = self.spool.status()
        return SpoolPointer(self.spool.path, boot_id(), status.st_dev, status.st_ino, identity)

    def end(self) -> None:
        """Stop the loop, and wait until its thread has ended; a second call does nothing."""
        self.sampler.stop()
        self.sampler.join()


def close_spool(spool: OwnSpool, leftovers: list[str]) -> None:
    """Close a spool, and remove it if no sample can be in it.

    Args:
        spool: The spool of a loop that has ended, or never began.
        leftovers: Gets a line if the file could not be removed.
    """
    if not spool.has_begun():
        remove_spool(spool, leftovers)
    spool.close()


def remove_spool(spool: OwnSpool, leftovers: list[str]) -> None:
    """Remove a spool's file; see recording.thread for the condition. `leftovers` gets a line if that failed."""
    try:
        spool.remove()
    except OSError as error:
        leftovers.append(
            f"the spool {spool.path} could not be removed ({os.strerror(error.errno or 0)}): "
            "remove it, nothing in it is needed"
        )


def _row_cost_ns(what: Description, device: Device, source: Source) -> float | None:
    """Return the time of a row at full rate where it decides what the ring holds before a hit, and can be known.

    On a bus each row has its accesses, and the trace says how many there were: nothing is read there for a measurement.
    """
    asks = what.options.trigger is not None and what.options.rate_hz is None
    return row_cost_ns(device, what.registers, source) if asks and not what.target.is_device else None


def _spool_size(
    options: RecordOptions, registers: tuple[Register, ...], document_bytes: int
) -> tuple[int, list[str]]:
    """Return the size of the spool, as asked for or as the capture needs and the machine can spare, and warnings."""
    memory = available_memory()
    if options.spool_bytes is not None:
        check_memory(options.spool_bytes, memory)
        return options.spool_bytes, []
    size_bytes, rows = free_size_bytes(memory), options.most_waiting_rows()
    if options.most_block_bytes is not None:
        size_bytes = min(size_bytes, largest_spool_bytes(options.most_block_bytes))
    if rows is not None:
        widths = [8, *(register.width_bytes for register in registers), *[4] * options.latency]
        needed = needed_bytes(rows, widths, document_bytes)
        if needed <= size_bytes:
            return needed, []
    return size_bytes, small_spool_warnings(size_bytes, memory)
