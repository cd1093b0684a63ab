# Killed as soon as there is something to lose: the spool is in memory, and this machine lives on.
regtap record -t mem rtc=0x09010000 -o killed 2>/vm/killed.stderr &
until [ -e killed/_spool ]; do sleep 0.1; done
sleep 2
kill -9 $!
wait $!
try list regtap recover --list --json
try recover regtap recover killed
