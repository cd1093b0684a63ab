"""The checks of `regtap selftest`: of this machine, and of regtap's accesses by a page trap. Apart from the core."""
