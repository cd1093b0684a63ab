# Processes that die with a device mapped, where core dumps hold all that the kernel is willing to put there.
echo /vm/core >/proc/sys/kernel/core_pattern
ulimit -c unlimited
echo 0x7f >/proc/self/coredump_filter
secret=only-in-the-device
yes $secret | head -c 4096 >/vm/device
# dump NAME HOW...
dump() {
    name=$1
    shift
    try "$name" python3 /vm-share/dump.py "$@"
    head -c 4 core >"/vm/$name.magic"
    grep -c $secret core >"/vm/$name.found"
    rm -f core
}
register=$(bar "$(pci $EDU)" 0)
mark 1
dump dump-mem regtap mem "$register"
mark 2
dump dump-file regtap file:/vm/device 0x0
dump dump-plain plain /vm/device
