mv /dev/mem /dev/mem.hidden
try no-node regtap read -t mem 0xFED000F0
mknod /dev/mem c 1 6 # a number that no driver answers to, as in a kernel without CONFIG_DEVMEM
try no-driver regtap read -t mem 0xFED000F0
rm /dev/mem
mv /dev/mem.hidden /dev/mem
try node-back regtap read -t mem 0xFED000F0
