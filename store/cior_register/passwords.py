"""Password hashes: Argon2id (RFC 9106) with 19 MiB, two passes, one lane; a hash says its own parameters.

Making and checking take tens of milliseconds of a processor: an event loop calls them in a thread.
"""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def one_time() -> str:
    """Twenty letters and digits without those that look alike: 99 bits, in groups that can be read aloud."""
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(20))
    return "-".join(drawn[at : at + 5] for at in range(0, 20, 5))


def hashed(password: str) -> str:
    """The hash to keep."""
    return _HASHER.hash(password)


def is_right(password_hash: str, password: str) -> bool:
    """Whether it is the password of this hash."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def is_stale(password_hash: str) -> bool:
    """Whether it was made at another cost than today's: the next time its password is shown, it is made again."""
    return _HASHER.check_needs_rehash(password_hash)
