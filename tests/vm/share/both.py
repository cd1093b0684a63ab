"""Reads registers of a target by mapping and by pread; prints name, value, and the other value or the refusal."""

import sys

import regtap
from regtap.targets import parse_target

target = parse_target(sys.argv[1])
registers = target.resolve(sys.argv[2:])
with target.open(registers) as device:
    for register in registers:
        mapped = device.read(register)
        try:
            other = f"{device.pread(register)}"
        except regtap.RefusedError as refused:
            other = f"{refused.errno} {refused}"
        sys.stdout.write(f"{register.name} {mapped} {other}\n")
