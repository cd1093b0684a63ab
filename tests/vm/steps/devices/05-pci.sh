edu=$(pci $EDU)
shared=$(pci $IVSHMEM)
try bar3 regtap read -t "pci:$shared/bar3" 0x0
try no-bar regtap read -t "pci:$edu/bar1" 0x0
try no-device regtap read -t pci:0000:00:1e.0/bar0 0x0
try ports regtap read -t "pci:$(pci 0x8086 0x2922)/bar4" 0x0
try past-end regtap read -t "pci:$edu/bar0" 0x100000
try last-word regtap read -t "pci:$edu/bar0" 0xffffc --json
try short-name regtap read -t "pci:${edu#0000:}/bar0" 0x0 --json
try shared-write regtap write -t "pci:$shared/bar2" 0xffff8 0xfeedc0de
try shared-pci regtap read -t "pci:$shared/bar2" word=0xffff8 --json
try shared-mem regtap read -t mem word=$(($(bar "$shared" 2) + 0xffff8)) --json
# Two registers on either side of a page that a driver holds.
first=0x$(grep -m1 virtio-pci-modern /proc/iomem | sed 's/ *\([0-9a-f]*\)-.*/\1/')
last=0x$(grep virtio-pci-modern /proc/iomem | tail -n1 | sed 's/ *[0-9a-f]*-\([0-9a-f]*\).*/\1/')
try neighbours regtap record -t mem below=$((first - 4)) above=$((last + 1)) --samples 100 -o neighbours
try claimed regtap record -t mem below=$((first - 4)) claimed=$((first)) --samples 100 -o claimed-run
# busybox takes a width in bits for one in bytes there, and maps the claimed page as well.
try devmem-neighbour /vm-share/busybox devmem $((first - 4)) 32
try pread python3 /vm-share/both.py "pci:$edu/bar0" id=0x0
try kernel-pread python3 -c "
import os
try:
    os.pread(os.open('/sys/bus/pci/devices/$edu/resource0', os.O_RDONLY), 4, 0)
except OSError as error:
    print(error.errno)
"
