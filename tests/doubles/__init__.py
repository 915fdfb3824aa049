"""Stand-ins for what lives outside a unit: a bus, a clock, a message that arrived.

One of each, for every room's tests.
"""
