"""Questions in SQL over any number of traces, on this machine or on a cluster."""
