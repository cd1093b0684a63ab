cd /usr/local/lib/python3*/dist-packages || exit
try core python3 -m pytest -q -p no:cacheprovider -p no:regtap -p no:regtap_bench tests/unit/test_sampling_loop.py \
    tests/unit/test_fault_guard.py tests/unit/test_flight_ring.py tests/unit/test_timebase.py
