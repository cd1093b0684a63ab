# PL031: seconds since 1970.
cat /proc/iomem >/vm/iomem
date +%s >/vm/before
try rtc regtap read -t mem rtc=0x09010000 --json
date +%s >/vm/after
mark_arm 0x1111
try record regtap record -t mem rtc=0x09010000 --rate 100 --samples 400 -o rtc
mark_arm 0x2222
