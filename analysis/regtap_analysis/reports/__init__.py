"""The report of a trace: one page that a colleague believes, in HTML and Markdown."""
