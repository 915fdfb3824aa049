"""Judicial requests: one pure step, its data, its clocks and its sums. Where they are kept: ``cior_register``."""
