"""Copies what cameras send to disk, as they coded it; keeps what is held, removes what is old."""
