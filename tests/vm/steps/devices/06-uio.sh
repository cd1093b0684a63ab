edu=$(pci $EDU)
ids="1234 11e8"
bus=/sys/bus/pci/drivers
# uio_pci_generic maps the BARs of whatever it is bound to, and claims none.
echo "$ids" >$bus/uio_pci_generic/new_id
grep -r . /sys/class/uio/uio0/maps/ >/vm/uio-generic-maps
try uio-generic regtap read -t uio:0 id=0x0 --json
try uio-generic-map1 regtap read -t uio:0/1 0x0
try uio-generic-pci regtap read -t "pci:$edu/bar0" 0x0 --json
echo "$edu" >$bus/uio_pci_generic/unbind
try uio-gone regtap read -t uio:0 0x0
echo "$ids" >$bus/uio_pci_generic/remove_id
# hilscher (uio_cif) maps BAR 0 of whatever it is bound to, and claims it.
echo "$ids" >$bus/hilscher/new_id
grep -r . /sys/class/uio/uio0/maps/ >/vm/uio-maps
try uio-read regtap read -t uio:0 id=0x0 --json
try uio-write regtap write -t uio:0/0 0x4 0xfffffff0
try uio-liveness regtap read -t uio:0 liveness=0x4 --json
try uio-record regtap record -t uio:0 id=0x0 liveness=0x4 --samples 1000 -o uio
try uio-map1 regtap read -t uio:0/1 0x0
try uio-past-end regtap read -t uio:0 0x100000
try uio-claims-mem regtap read -t mem "$(bar "$edu" 0)"
try uio-claims-pci regtap read -t "pci:$edu/bar0" 0x0
