"""A trace while its capture goes on: finished parts, and what is in the spool and in no part yet."""
