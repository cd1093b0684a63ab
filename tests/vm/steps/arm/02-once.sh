# fw_cfg: each read of its data register takes the next byte of what was selected.
mark_arm 0 # selects the signature
try bytes regtap read -t mem a=0x09020000:u8 b=0x09020000:u8 c=0x09020000:u8 d=0x09020000:u8 e=0x09020000:u8 --json
mark_arm 0
try word regtap read -t mem word=0x09020000 --json
mark_arm 0
try fw-record regtap record -t mem byte=0x09020000:u8 --samples 6 -o fw
