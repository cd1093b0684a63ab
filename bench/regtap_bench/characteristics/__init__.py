"""Operating characteristics: false alarms of the instrument on equal code, and detected slowdowns."""
