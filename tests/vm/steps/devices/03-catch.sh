# Triggers, counters in two halves and changes on a real device: the HPET's counter, 10 ns a count.
mark 40
try pair regtap record -t mem counter=0xFED000F0/0xFED000F4:u64pair --samples 500 -o pair
mark 41
try trigger regtap record -t mem counter=0xFED000F0 --rate 200 -o trigger \
    --trigger 'counter & 0x4000000 rises' --pre 100ms --post 100ms --captures 2
mark 42
# A register that stands still.
try on-change regtap record -t mem id=0xFED00000 --rate 200 --samples 400 --on-change -o on-change
mark 43
