# Sourced before each step of a guest.

# pci VENDOR DEVICE: the name of the first such PCI function, such as 0000:00:04.0
pci() {
    for device in /sys/bus/pci/devices/*; do
        if [ "$(cat "$device/vendor") $(cat "$device/device")" = "$1 $2" ]; then
            echo "${device##*/}"
            return
        fi
    done
    echo "no PCI device $1 $2" >&2
    return 1
}

# bar PCI-NAME N: where its BAR N lies on the bus
bar() {
    sed -n "$(($2 + 1))p" "/sys/bus/pci/devices/$1/resource" | cut -d' ' -f1
}

# enable PCI-NAME: lets its BARs answer
enable() {
    echo 1 >"/sys/bus/pci/devices/$1/enable"
}

EDU="0x1234 0x11e8"
IVSHMEM="0x1af4 0x1110"

# mark N: an access that the bus log shows, and that regtap has no part in: N to the edu device's DMA source
mark() {
    /vm-share/busybox devmem $(($(bar "$(pci $EDU)" 0) + 0x80)) 32 "$1"
}

# mark_arm N: the same on the aarch64 board: N to fw_cfg's selector
mark_arm() {
    /vm-share/busybox devmem 0x09020008 16 "$1"
}

# open_up FOLDER...: lets every user of the guest pass through to it; this machine's own files stay as they are
open_up() {
    for folder; do
        while [ "$folder" != / ]; do
            chmod a+rx "$folder"
            folder=$(dirname "$folder")
        done
    done
}

# try NAME COMMAND...: runs it, and keeps its output and exit status under that name
try() {
    name=$1
    shift
    "$@" >"/vm/$name.stdout" 2>"/vm/$name.stderr"
    echo $? >"/vm/$name.status"
}
