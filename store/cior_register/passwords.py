"""Password hashes of what a command makes: Argon2id (RFC 9106), 19 MiB, two passes, one lane.

A hash says its own parameters. Passwords that people choose are the console's.
"""

from __future__ import annotations

from argon2 import PasswordHasher

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hashed(password: str) -> str:
    """The hash to keep."""
    return _HASHER.hash(password)
