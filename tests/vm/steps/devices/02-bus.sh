# Each stretch between two markers is one thing on the bus.
edu=$(pci $EDU)
bar0=$(bar "$edu" 0)
mark 1
sleep 2 # nothing of ours
mark 2
try u32 regtap record -t mem counter=0xFED000F0 --samples 5000 -o u32
mark 3
try u64 regtap record -t mem counter=0xFED000F0:u64 --samples 1000 -o u64
mark 4
try paced regtap record -t mem counter=0xFED000F0 --rate 200 --samples 1000 -o paced
mark 5
try read regtap read -t mem 0xFED000F0 --json
mark 6
try write regtap write -t mem $((bar0 + 4)) 0x12345678
mark 7
try verify regtap write -t mem $((bar0 + 4)) 0xffff0000 --verify
mark 8
try write64 regtap write -t mem $((bar0 + 0x88)):u64 0x1122334455667788
mark 9
try read64 regtap read -t mem $((bar0 + 0x88)):u64 --json
mark 10
try slice python3 -c '
import mmap, os
fd = os.open("/dev/mem", os.O_RDONLY | os.O_SYNC)
page = mmap.mmap(fd, 4096, prot=mmap.PROT_READ, offset=0xFED00000)
print(int.from_bytes(page[0xF0:0xF4], "little"))
'
mark 11
try several regtap record -t mem low=0xFED000F0 high=0xFED000F4 id=0xFED00000 --samples 500 -o several
mark 12
