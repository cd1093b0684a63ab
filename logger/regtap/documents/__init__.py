"""Documents that come back from disk: JSON of bounded size, decoded into frozen dataclasses."""
