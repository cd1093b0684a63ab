"""What `regtap selftest` runs: checks of this machine, and the page trap. Apart from the core."""
