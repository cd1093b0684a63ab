"""Register maps: what the registers of a device are called, and what their bits mean."""
