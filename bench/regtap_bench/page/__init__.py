"""What all reports share: the page's style, its tables for any medium, and charts that need no picture file."""
