# PL031: seconds since 1970.
date +%s >/vm/before
try read regtap read -t mem rtc=0x09010000 --json
date +%s >/vm/after
mark_arm 0x1111
try record regtap record -t mem rtc=0x09010000 --rate 100 --samples 400 -o rtc
mark_arm 0x2222
try info regtap info rtc --json
# fw_cfg: each read of its data register takes the next byte of what was selected.
mark_arm 0 # selects the signature
try bytes regtap record -t mem byte=0x09020000:u8 --samples 6 -o bytes
try wide regtap read -t mem wide=0x09010000:u64
