"""regtap_bench: measure and compare."""
