"""The machine: its description, and the permissions of this process."""
