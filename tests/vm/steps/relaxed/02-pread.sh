# With 6 GB of RAM, every address below 4 GB lies under high_memory, and /dev/mem answers read() there.
try pread-edu python3 /vm-share/both.py mem "id=$(bar "$(pci $EDU)" 0)"
try pread-hpet python3 /vm-share/both.py mem id=0xFED00000
/vm-share/busybox devmem 0x10000000 64 0x1122334455667788
try pread-reserved python3 /vm-share/both.py mem word=0x10000000:u64
# RAM below 1 MiB, where the kernel keeps the code that starts processors: the first word of each page.
try pread-low python3 /vm-share/both.py mem $(seq -f "%.0f:u64" 4096 4096 643072)
