edu=$(pci $EDU)
device=/sys/bus/pci/devices/$edu
driver=/sys/bus/pci/drivers/hilscher

# going NAME TARGET REGISTER CHANGE: records while the device goes away
going() {
    try "going-$1" regtap record -t "$2" "$3" --rate 1k -o "going-$1" -- sh -c "$4"
}

# end_hold: binds the device to no driver, and lets it answer
end_hold() {
    if [ -e "$device/driver" ]; then
        echo "$edu" >"$device/driver/unbind"
    fi
    enable "$edu"
}

echo "1234 11e8" >$driver/new_id # hilscher (uio_cif) claims BAR 0 of whatever it is bound to
going unbound uio:0 id=0x0 "echo $edu >$driver/unbind"
end_hold
going claimed-pci "pci:$edu/bar0" id=0x0 "echo $edu >$driver/bind"
end_hold
going claimed-mem mem "id=$(bar "$edu" 0)" "echo $edu >$driver/bind"
end_hold
# The file counts: each 1 that was written to it takes a 0.
going disabled "pci:$edu/bar0" id=0x0 "until [ \$(cat $device/enable) = 0 ]; do echo 0 >$device/enable; done"
end_hold
command=$(dd if="$device/config" bs=1 skip=4 count=1 2>/dev/null)
going undecoded "pci:$edu/bar0" id=0x0 "printf '\\0' | dd of=$device/config bs=1 seek=4 conv=notrunc; sleep 0.1"
printf %s "$command" | dd of="$device/config" bs=1 seek=4 conv=notrunc
going removed "pci:$edu/bar0" id=0x0 "echo 1 >$device/remove"
