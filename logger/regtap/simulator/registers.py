"""The registers of the simulated device."""

from __future__ import annotations

from regtap.registers.model import Field, Register, RegisterMap

_STATUS_FIELDS = (
    Field("BUSY", 0, 1, "a job runs"),
    Field("DONE", 1, 1, "the last job succeeded, until the FIFO is empty"),
    Field("ERROR", 2, 1, "the last job failed (1 in 16), until the FIFO is empty"),
    Field("LEVEL", 8, 8, "fill level of the FIFO: rises while BUSY, falls afterwards"),
)
# Offsets as in core/simulator.hpp. No read has a side effect.
REGISTERS = RegisterMap(
    (
        Register("ID", 0x00, "u32", description='constant: the bytes "REGT" in memory'),
        Register("COUNT32", 0x08, "u32", description="ticks of 1 ms; 1000 at the start"),
        Register("CHECK", 0x0C, "u32", description="hash of COUNT32, which changes together with it"),
        Register(
            "COUNT64", 0x10, "u64", description="COUNT32 + 0xfffff448: carries into its high half after 2 s"
        ),
        Register("COUNT64_LO", 0x10, "u32", description="low half of COUNT64"),
        Register("COUNT64_HI", 0x14, "u32", description="high half of COUNT64"),
        Register(
            "CHECKED", 0x18, "u64", description="COUNT32 below, its hash above: shows a torn or stale read"
        ),
        Register("STATUS", 0x20, "u32", _STATUS_FIELDS, description="a job engine with a FIFO"),
        Register("ADC", 0x24, "u16", description="12 bits: a sine of 1 s around 2048, with noise"),
        Register("GPIO", 0x28, "u8", description="one bit walks up, a step each 50 ms"),
        Register("SCRATCH", 0x2C, "u32", description="0, or what was last written"),
    )
)
