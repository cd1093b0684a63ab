# Costs in an emulator are worth nothing; what bench says of a real /dev/mem is.
/vm-share/busybox devmem 0x10000000 64 0x1122334455667788
# The first page of low RAM that does not begin with a 0, which read() would give in its place.
low=$(awk '$2 != 0 { print $1; exit }' /vm/pread-low.stdout | sed 's/^r_/0x/')
echo "$low" >/vm/low
try bench-hpet regtap bench -t mem counter=0xFED000F0 --quick --duration 1s -o bench-hpet
try bench-reserved regtap bench -t mem word=0x10000000:u64 --quick --duration 1s -o bench-reserved
try bench-low regtap bench -t mem low="$low":u64 --quick --duration 1s -o bench-low
try doctor-low regtap doctor "$low"
