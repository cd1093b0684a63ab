"""Recovery: a whole trace from the spool of an interrupted capture."""
