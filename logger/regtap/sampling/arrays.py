"""`regtap.sample`: the recorder's loop into arrays of the caller's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.clock.live import TickClock
from regtap.clock.source import Reading, Source, best_source, read_clocks, source_name
from regtap.errors import BusFaultError, InputError
from regtap.maps.load import MapsGiven, given_maps
from regtap.sampling.channels import channels_of
from regtap.sampling.slices import fill_in_slices
from regtap.targets import as_registers, parse_target
from regtap.units.format import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap.registers.model import Register
    from regtap.targets.device import Device

_SLICE_NS = 100_000_000  # Ctrl-C is looked for this often


def sample(  # noqa: PLR0913 - as regtap.record has them
    registers: Sequence[Register | str] | Register | str,
    *,
    values: npt.NDArray[np.unsignedinteger] | Sequence[npt.NDArray[np.unsignedinteger]],
    ticks: npt.NDArray[np.uint64],
    target: str = "mem",
    maps: MapsGiven = None,
    allow_side_effects: bool = False,
) -> TickClock:
    """Fill preallocated arrays as fast as the bus allows: a tick, then one access of each register, in order.

    Args:
        registers: One or several, as `regtap record` takes them.
        values: For each register a C-contiguous array of its own unsigned type, as long as `ticks`; for a single
            register the array itself will do. They stay the caller's.
        ticks: Shape (samples,), uint64: the raw counter before each row's first access, never decreasing.
        target: As `regtap record -t` takes it.
        maps: Register maps, as regtap.record takes them.
        allow_side_effects: As regtap.record takes it.

    Returns:
        The clock that turns ticks into ns.

    Raises:
        InputError: An unknown register or target, or arrays of the wrong type or length.
        RefusedError: The system does not let the target be mapped.
        BusFaultError: A register stopped answering; rows before its `index` are filled.
    """
    arrays: list[Any] = list(values) if isinstance(values, list | tuple) else [values]
    opened = parse_target(target)
    chosen = opened.resolve(as_registers(registers), given_maps(maps), allow_side_effects=allow_side_effects)
    _check_arrays(chosen, arrays, ticks)
    source = best_source(opened.is_device)
    with opened.open(chosen) as device:
        before = read_clocks(source)
        _fill(device, chosen, arrays, ticks, source)
        return _clock(source, before)


def _clock(source: Source, before: Reading) -> TickClock:
    after = read_clocks(source)
    frequency_hz = (after.ticks - before.ticks) * 1e9 / (after.raw_ns - before.raw_ns)
    uncertainty_ns = max(before.uncertainty_ns(frequency_hz), after.uncertainty_ns(frequency_hz))
    return TickClock(source_name(source), frequency_hz, uncertainty_ns, before.ticks)


def _fill(
    device: Device,
    registers: Sequence[Register],
    values: list[npt.NDArray[np.unsignedinteger]],
    ticks: npt.NDArray[np.uint64],
    source: Source,
) -> None:
    channels = channels_of(device, registers)
    for done, fault in fill_in_slices(channels, ticks, values, source, _SLICE_NS):
        if fault >= 0:
            raise BusFaultError(registers[fault].name, registers[fault].address, done)


def _check_arrays(
    registers: Sequence[Register],
    values: list[npt.NDArray[np.unsignedinteger]],
    ticks: npt.NDArray[np.uint64],
) -> None:
    if len(values) != len(registers):
        raise InputError(
            f"{count_of(len(values), 'array')} of values for {count_of(len(registers), 'register')}; give one for each"
        )
    wanted = [
        ("ticks", "uint64", ticks),
        *((r.name, r.dtype, v) for r, v in zip(registers, values, strict=True)),
    ]
    for name, dtype, array in wanted:
        if not isinstance(array, np.ndarray):
            raise InputError(
                f"what is given for {name} is a {type(array).__name__}, not a numpy array of {dtype}"
            )
        fits = array.dtype == dtype and array.shape == (len(ticks),) and array.flags.c_contiguous
        if not fits or not array.flags.writeable:
            raise InputError(
                f"the array for {name} is {array.dtype} of shape {array.shape}; "
                f"it must be a writable, contiguous {dtype} of shape ({len(ticks)},)"
            )
