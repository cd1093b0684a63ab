cat /proc/iomem >/vm/iomem
edu=$(pci $EDU)
enable "$edu"
claimed=0x$(grep -m1 virtio-pci-modern /proc/iomem | sed 's/ *\([0-9a-f]*\)-.*/\1/')
try ram regtap read -t mem 0x20000000
try ram-record regtap record -t mem word=0x20000000 --samples 10 -o ram
try claimed regtap read -t mem "$claimed"
try beyond regtap read -t mem 0x10000000000
try misaligned regtap read -t mem 0xFED000F2
try misaligned-record regtap record -t mem 0xFED000F4:u64 --samples 10 -o misaligned
