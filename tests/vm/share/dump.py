"""Maps a register and aborts: its core dump, if it read the device, would be on the bus log.

    dump.py regtap TARGET REGISTER
    dump.py plain PATH              the same by Python's own mmap: what a dump does not leave out by itself

Prints what the kernel says of its mappings first.
"""

import mmap
import os
import sys

from regtap.targets import parse_target
from regtap.targets.device import Device


def map_by_regtap(spec: str, register: str) -> Device:
    target = parse_target(spec)
    return target.open(target.resolve([register]))


def map_plainly(path: str) -> mmap.mmap:
    return mmap.mmap(os.open(path, os.O_RDONLY), 4096, prot=mmap.PROT_READ)


mapped = map_by_regtap(*sys.argv[2:]) if sys.argv[1] == "regtap" else map_plainly(sys.argv[2])
with open("/proc/self/smaps") as file:
    sys.stdout.write(file.read())
sys.stdout.flush()
os.abort()
