"""Registers: their description, and their spelling on the command line."""
