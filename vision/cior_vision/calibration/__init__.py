"""A page on which a camera's zones, lines, lane axes and masks are drawn over a still, tried and written."""
