#!/bin/busybox sh
# First process of a guest: puts together a root from the host's files (read-only, 9p) and a tmpfs for what is
# written, runs the steps that lie in the share, and powers off.
/bin/busybox --install -s /bin
mount -t proc p /proc
mount -t sysfs s /sys
mount -t devtmpfs d /dev
mount -t securityfs s /sys/kernel/security
for module in $(cat /modules/order); do
    insmod "/modules/$module.ko" || echo "VM: cannot load $module"
done
options=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o "$options,ro,cache=loose" root /lower || echo "VM: no root"
mount -t 9p -o "$options,cache=none" share /share || echo "VM: no share"
mount -t tmpfs t /writable
mkdir /writable/upper /writable/work /sysroot
mount -t overlay -o lowerdir=/lower,upperdir=/writable/upper,workdir=/writable/work o /sysroot ||
    echo "VM: no overlay"
# Folders of our own: the project, and so regtap, may lie in any of the usual ones.
mkdir -p /sysroot/proc /sysroot/sys /sysroot/dev /sysroot/tmp /sysroot/vm /sysroot/vm-share
mount -t proc p /sysroot/proc
mount --rbind /sys /sysroot/sys
mount --bind /dev /sysroot/dev
mkdir -p /sysroot/dev/shm /sysroot/dev/pts
mount -t tmpfs t /sysroot/dev/shm
mount -t devpts d /sysroot/dev/pts
mount --bind /share /sysroot/vm-share
chmod 1777 /sysroot/tmp /sysroot/vm /sysroot/dev/shm
ip link set lo up

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
for step in /share/steps/*; do
    file=${step##*/}
    name=${file#*-}
    out=/share/outcomes/$name
    chroot /sysroot /bin/sh -c "cd /vm && . /vm-share/prelude.sh && . '/vm-share/steps/$file'" \
        >"$out.stdout" 2>"$out.stderr" </dev/null
    echo $? >"$out.status"
    echo "VM: $name ended with $(cat "$out.status") at $(cut -d' ' -f1 /proc/uptime) s"
done
mkdir -p /share/files
cp -R /sysroot/vm/. /share/files/
sync
echo "VM: complete"
poweroff -f
