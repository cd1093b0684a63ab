echo integrity >/sys/kernel/security/lockdown # until the next boot
try lockdown-mem regtap read -t mem 0xFED000F0
try lockdown-pci regtap read -t "pci:$(pci $EDU)/bar0" 0x0
