"""Commands: `regtap bench`, `compare` and `report`."""
