"""Commands: `regtap bench` and `report`."""
