# PCI devices as the firmware leaves them: no driver, not enabled.
edu=$(pci $EDU)
try disabled regtap read -t "pci:$edu/bar0" 0x0
enable "$edu"
enable "$(pci $IVSHMEM)"
cat /proc/iomem >/vm/iomem
bar "$edu" 0 >/vm/edu-bar0
bar "$(pci $IVSHMEM)" 2 >/vm/ivshmem-bar2
cat /sys/devices/system/clocksource/clocksource0/current_clocksource >/vm/clocksource
