"""A trace in the formats of other tools, streamed in bounded memory."""
