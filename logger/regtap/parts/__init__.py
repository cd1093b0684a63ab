"""Parts: the files of a trace, made of blocks."""
