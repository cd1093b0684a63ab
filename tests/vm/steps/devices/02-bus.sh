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
map="--map /vm-share/edu.toml@$bar0"
try map-effect regtap read -t mem $map EDU.FACTORIAL
try map-effect-address regtap read -t mem $map EDU.ID $((bar0 + 8))
try map-effect-record regtap record -t mem $map ID FACTORIAL --samples 10 -o map-effect
try map-effect-range regtap read -t mem $map $((bar0 + 8))+4
mark 13
try map-dump regtap dump -t mem $map -o /vm/dump.json
mark 14
try map-field regtap write -t mem $map LIVENESS.LOW ON
mark 15
try map-others regtap write -t mem $map LIVENESS.LOW ON --others 0x11223300
mark 16
try map-allowed regtap read -t mem $map EDU.FACTORIAL --allow-side-effects
mark 17
try map-names regtap read -t mem $map LIVENESS --json
mark 18
try map-on regtap write -t mem $map LIVENESS 0x54 # edu answers with what it was given, inverted: LOW is ON
mark 19
try map-diff regtap diff /vm/dump.json mem $map --json
mark 20
try map-record regtap record -t mem $map LIVENESS STATUS --samples 20 -o by-name
mark 21
try map-plot regtap plot by-name -o by-name.svg
