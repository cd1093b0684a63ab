# What the simulated device counts, by registers of each width that one access reaches, at full rate.
try types regtap record -t sim a=0x0:u8 b=0x0:u16 c=0x0:u32 d=0x0:u32be e=0x0:u16be --samples 300k -o types
