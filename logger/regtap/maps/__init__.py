"""Register maps: names, fields and side effects of a device's registers, from files of several formats."""
