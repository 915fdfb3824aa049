"""Codes of six digits from a telephone (TOTP, RFC 6238: SHA-1, 30 s), each good once."""

from __future__ import annotations

import hmac
from typing import Final

import pyotp

STEP_S: Final = 30
_DIGITS: Final = 6
_EITHER_SIDE: Final = 1
"""A telephone's clock may be so many steps off (RFC 6238 §5.2)."""
_SECRET_CHARACTERS: Final = 32
"""160 bits in base32 (RFC 4226 §4)."""


def new_secret() -> str:
    """A secret of 160 bits, in base32."""
    return pyotp.random_base32(_SECRET_CHARACTERS)


def address(secret: str, *, login: str, centre: str) -> str:
    """What a telephone's app takes, as link or picture (``otpauth://totp/…``)."""
    return pyotp.TOTP(secret, digits=_DIGITS, interval=STEP_S).provisioning_uri(
        name=login, issuer_name=centre
    )


def accepted_step(secret: str, code: str, *, now_ms: int, last_step: int) -> int | None:
    """The step whose code this is, None for a wrong one. A step up to ``last_step`` has been used (RFC 6238 §5.2): who
    keeps the new one does so in the transaction of the sign-in.
    """
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    now_step = now_ms // 1000 // STEP_S
    generator = pyotp.TOTP(secret, digits=_DIGITS, interval=STEP_S)
    found = None
    for step in range(now_step - _EITHER_SIDE, now_step + _EITHER_SIDE + 1):
        is_it = hmac.compare_digest(generator.generate_otp(step), code)
        if is_it and step > last_step and found is None:
            found = step
    return found
