"""Second factors: time-based codes (RFC 6238) and passkeys (WebAuthn level 2). What is checked against what is decided
by who signs people in; here it is kept, and a code or a counter is taken once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nacl.exceptions import CryptoError
from nacl.secret import Aead
from sqlalchemy import Connection, delete, func, insert, select, update

from cior_core.errors import IntegrityBroken
from cior_core.model import Struct
from cior_register.ledger import next_seq
from cior_register.tables import PASSKEYS, RECOVERY_CODES, TOTP

_PURPOSE = b"cior.register.totp.v1:"


class SecretBox:
    """Seals what must be read again (a code's seed) under the centre's key, bound to its person: a copy of the
    database alone opens nothing, and a row moved to somebody else opens nothing either.
    """

    def __init__(self, key: bytes) -> None:
        self._aead = Aead(key)

    def sealed(self, person_id: str, secret: bytes) -> bytes:
        """XChaCha20-Poly1305 with a random nonce in front."""
        return bytes(self._aead.encrypt(secret, _PURPOSE + person_id.encode()))

    def opened(self, person_id: str, box: bytes) -> bytes:
        """Raises ``IntegrityBroken`` (``factors.seal``)."""
        try:
            return self._aead.decrypt(box, _PURPOSE + person_id.encode())
        except (CryptoError, ValueError):
            raise IntegrityBroken(
                "factors.seal",
                "a second factor cannot be opened with this centre's key",
                cure="restore keys/register.key, or cior users reset",
            ) from None


class Totp(Struct, frozen=True):
    """A sealed seed, the last step that was accepted (Unix time / 30 s), and whether its owner ever proved it."""

    secret: bytes
    last_step: int
    is_confirmed: bool


def set_totp(connection: Connection, person_id: str, secret: bytes) -> None:
    """A new sealed seed, not confirmed yet; one that was there is gone."""
    connection.execute(delete(TOTP).where(TOTP.c.person_id == person_id))
    row = {
        "person_id": person_id, "secret": secret, "last_step": 0, "confirmed_ms": None,
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(TOTP), row)


def totp(connection: Connection, person_id: str) -> Totp | None:
    """Their seed."""
    found = connection.execute(select(TOTP).where(TOTP.c.person_id == person_id)).first()
    if found is None:
        return None
    return Totp(found.secret, found.last_step, found.confirmed_ms is not None)


def take_step(connection: Connection, person_id: str, step: int, *, now_ms: int) -> bool:
    """Use up a code that was right: False when this step or a later one was used already (RFC 6238 §5.2)."""
    taken = update(TOTP).where(TOTP.c.person_id == person_id, TOTP.c.last_step < step)
    confirmed_ms = func.coalesce(TOTP.c.confirmed_ms, now_ms)
    found = connection.execute(
        taken.values(last_step=step, confirmed_ms=confirmed_ms, ledger_seq=next_seq(connection))
    )
    return found.rowcount == 1


class Passkey(Struct, frozen=True):
    """A public key and how often it was used, as its authenticator counts; 0 for one that does not count."""

    credential_id: bytes
    person_id: str
    public_key: bytes
    counter: int
    transports: tuple[str, ...] = ()
    label: str = ""
    added_ms: int = 0


def add_passkey(connection: Connection, passkey: Passkey) -> None:
    """A new key. Raises ``PayloadRejected`` when the authenticator is somebody's already."""
    row = {
        "credential_id": passkey.credential_id, "person_id": passkey.person_id, "public_key": passkey.public_key,
        "counter": passkey.counter, "transports": " ".join(passkey.transports), "label": passkey.label,
        "added_ms": passkey.added_ms, "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(PASSKEYS), row)


def passkeys(connection: Connection, person_id: str) -> list[Passkey]:
    """Their keys, oldest first."""
    asked = select(PASSKEYS).where(PASSKEYS.c.person_id == person_id).order_by(PASSKEYS.c.added_ms)
    return [_passkey(each) for each in connection.execute(asked)]


def passkey(connection: Connection, credential_id: bytes) -> Passkey | None:
    """The key that an authenticator names."""
    found = connection.execute(select(PASSKEYS).where(PASSKEYS.c.credential_id == credential_id)).first()
    return None if found is None else _passkey(found)


def use_passkey(connection: Connection, credential_id: bytes, counter: int) -> bool:
    """Keep the counter of a signature that was right: False when it did not grow, as a copied key's does not
    (WebAuthn §6.1.1).
    """
    used = update(PASSKEYS).where(
        PASSKEYS.c.credential_id == credential_id,
        (PASSKEYS.c.counter < counter) | ((PASSKEYS.c.counter == 0) & (counter == 0)),
    )
    found = connection.execute(used.values(counter=counter, ledger_seq=next_seq(connection)))
    return found.rowcount == 1


def remove_passkey(connection: Connection, person_id: str, credential_id: bytes) -> bool:
    """A key of theirs is lost or no longer wanted; whether it was there."""
    gone = delete(PASSKEYS).where(
        PASSKEYS.c.person_id == person_id, PASSKEYS.c.credential_id == credential_id
    )
    return connection.execute(gone).rowcount == 1


def remove_totp(connection: Connection, person_id: str) -> bool:
    """Their telephone is no factor any more; whether it was one."""
    return connection.execute(delete(TOTP).where(TOTP.c.person_id == person_id)).rowcount == 1


def forget(connection: Connection, person_id: str) -> None:
    """All second factors of a person: they enrol again."""
    for table in (TOTP, PASSKEYS, RECOVERY_CODES):
        connection.execute(delete(table).where(table.c.person_id == person_id))


def methods(connection: Connection, person_id: str) -> Sequence[str]:
    """Which second factors they can prove."""
    found = totp(connection, person_id)
    has = ["totp"] if found is not None and found.is_confirmed else []
    return [*has, "passkey"] if passkeys(connection, person_id) else has


def _passkey(found: Any) -> Passkey:
    return Passkey(
        credential_id=found.credential_id, person_id=found.person_id, public_key=found.public_key,
        counter=found.counter, transports=tuple(found.transports.split()), label=found.label, added_ms=found.added_ms,
    )  # fmt: skip
