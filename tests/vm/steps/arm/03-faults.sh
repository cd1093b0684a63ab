# Nothing answers at 0x0d000000.
try fault regtap read -t mem nothing=0x0d000000
try fault-write regtap write -t mem 0x0d000004 1
try fault-record regtap record -t mem rtc=0x09010000 nothing=0x0d000008 --samples 10 -o fault
try alive regtap read -t mem rtc=0x09010000
try misaligned regtap read -t mem 0x09010002
try misaligned-record regtap record -t mem 0x09010004:u64 --samples 10 -o misaligned
try pread python3 /vm-share/both.py mem rtc=0x09010000
