edu=$(pci $EDU)
device=/sys/bus/pci/devices/$edu
enable "$edu"
try pci-alive regtap read -t "pci:$edu/bar0" id=0x0 --json
# A device that does not decode reads all ones here, without a fault.
try undecoded regtap record -t "pci:$edu/bar0" id=0x0 --rate 1k -o undecoded -- \
    sh -c "printf '\\0' | dd of=$device/config bs=1 seek=4 conv=notrunc; sleep 0.1"
