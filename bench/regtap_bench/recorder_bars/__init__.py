"""The recorder's speed against its bars."""
