"""The journal of `--durable`: a redo log of the spool on disk, for the case of a power loss.

Each record holds new bytes of one block and their offsets in the spool. Played back in order, the records give a spool
that `regtap recover` reads as any other. layout.py describes the files and makes their CRC32C, source.py says why a
copy of a spool under way is consistent, and thread.py when copies are made.
"""
