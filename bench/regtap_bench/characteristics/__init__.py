"""Operating characteristics: how often the instrument calls equal code different, and sees what was slowed down."""
