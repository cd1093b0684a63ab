"""Reading, plotting and reporting what regtap recorded."""
