"""The command line: the parts shared by all commands."""
