"""Triggers: the moments that a capture is to store by itself, as expressions over its registers."""
