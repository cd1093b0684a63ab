"""The journal of `--durable`: what of a spool is in no finished part yet, on disk, for the case of a power loss.

A journal is a redo log of the spool's own file. Each record holds new bytes of one block, and where in the spool they
belong; played back in order, the records give a spool that `regtap recover` reads as any other. See layout.py for
the files, source.py for what is copied and why it is consistent, thread.py for when.
"""
