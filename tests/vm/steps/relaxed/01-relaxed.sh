edu=$(pci $EDU)
echo "1234 11e8" >/sys/bus/pci/drivers/hilscher/new_id
try claimed-mem regtap read -t mem "$(bar "$edu" 0)" --json
try claimed-pci regtap read -t "pci:$edu/bar0" 0x0 --json
try ram regtap read -t mem 0x20000000
bar "$edu" 0 >/vm/edu-bar0
