# This guest's RAM ends far below the HPET, so that /dev/mem has no pread there.
try bench-hpet regtap bench -t mem counter=0xFED000F0 --quick --duration 1s -o bench-hpet
