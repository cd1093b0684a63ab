"""The spool: the ring of sample blocks in shared memory."""
