edu=$(pci $EDU)
shared=$(pci $IVSHMEM)
try hpet regtap read -t mem id=0xFED00000 period_fs=0xFED00004 --json
# edu: liveness inverts what is written, factorial counts while bit 0 of the status is set.
try edu-id regtap read -t "pci:$edu/bar0" id=0x0 --json
try edu-write regtap write -t "pci:$edu/bar0" 0x4 0x0000ffff
try edu-liveness regtap read -t "pci:$edu/bar0" liveness=0x4 --json
try edu-factorial-write regtap write -t "pci:$edu/bar0" 0x8 10
try edu-factorial regtap read -t "pci:$edu/bar0" factorial=0x8 status=0x20 --json
# Reserved RAM: what busybox puts there, regtap changes and reads, in every width.
/vm-share/busybox devmem 0x10000000 64 0x1122334455667788
try ram-u8 regtap write -t mem 0x10000003:u8 0xaa
try ram-u16 regtap write -t mem 0x10000006:u16 0xbbcc
/vm-share/busybox devmem 0x10000000 64 >/vm/ram-after
try ram-read regtap read -t mem a=0x10000000:u64 b=0x10000004:u32 c=0x10000006:u16 d=0x10000006:u16be e=0x10000003:u8 \
    --json
try ram-dump regtap read -t mem 0x10000000+16:u64
try ram-record regtap record -t mem word=0x10000000:u64 --samples 1000 -o ram
# The host plays the device behind bar2 while we watch, from the moment that word 2 is set until word 3 is.
bar2=$(bar "$shared" 2)
try played regtap record -t "pci:$shared/bar2" value=0x0 --rate 500 -o played -- sh -c "
    /vm-share/busybox devmem $((bar2 + 8)) 32 1
    for _ in \$(seq 200); do
        test \$(/vm-share/busybox devmem $((bar2 + 12)) 32) = 0x00000001 && exit
        sleep 0.1
    done
    exit 9"
# By system call: reserved RAM, and a device that lies above the end of this guest's RAM.
try pread-reserved python3 /vm-share/both.py mem word=0x10000000:u64
try pread-hpet python3 /vm-share/both.py mem id=0xFED00000
