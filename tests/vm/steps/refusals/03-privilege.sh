# A watcher that regtap runs shows every thread of its parent, while the capture goes on.
cat >/vm/watcher <<'END'
#!/bin/sh
sleep 1
cat "/proc/$PPID/comm" >"$1.comm"
for task in "/proc/$PPID/task"/*; do
    echo "== $(cat "$task/comm")"
    grep -E '^(Uid|Gid|Groups|Cap)' "$task/status"
done >"$1.threads"
id >"$1.id"
stat -c '%u:%g %a' /dev/shm/regtap* >"$1.spool"
sleep 1
END
chmod +x /vm/watcher
counter="-t mem counter=0xFED000F0 --rate 200"
# root's own groups, as after sudo
as_root="setpriv --groups=0,4,15"
try sudo env SUDO_UID=1000 SUDO_GID=1000 SUDO_USER=someone $as_root \
    regtap record $counter -o sudo -- /vm/watcher /vm/sudo
try named $as_root regtap record $counter --user nobody --realtime -o named -- /vm/watcher /vm/named
try root $as_root regtap record $counter -o root -- /vm/watcher /vm/root
for capture in sudo named root; do
    find "$capture" -printf '%U:%G %p\n' >"$capture.owners"
done
# An installation that only root can read, as in a virtual environment under /root.
packages=$(python3 -c 'import click; print(click.__path__[0] + "/..")')
chmod 700 "$packages"
try unreadable env SUDO_UID=1000 SUDO_GID=1000 regtap record $counter --samples 10 -o unreadable
chmod 755 "$packages"
mkdir -m 700 closed # root's: whoever sudo is for may not write there
try closed env SUDO_UID=1000 SUDO_GID=1000 regtap record $counter --samples 10 -o closed/run
