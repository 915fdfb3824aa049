"""Keys of this installation: made at first start, kept in files only their owner may read, told once.

No default password exists anywhere. A key file that others may read is refused, as OpenSSH refuses it.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import msgspec
from nacl.public import PrivateKey

from cior_bus import durable_file
from cior_core.errors import ConfigInvalid


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """``centre_hmac`` (32 bytes) makes pseudonyms; ``team_public`` seals for the response team (connectors never get
    its private half); ``wall_token`` opens the wall; ``traccar_secret`` is the forwarding password; ``dc09_key`` the
    panels' AES-128 key (hex).
    """

    centre_hmac: bytes
    team_public: bytes
    wall_token: str
    traccar_secret: str
    dc09_key: str

    def __repr__(self) -> str:
        return "Keys(***)"


KEYS_FILE = "keys.json"
OWNER_ONLY = 0o077
"""The umask of every part: what it writes, its owner alone may read."""


class KeyRing(msgspec.Struct, frozen=True, kw_only=True):
    """The keys, their file, and whether this start made them."""

    keys: Keys
    file: Path
    fresh: bool
    team_private_file: Path


def open_keys(folder: Path) -> KeyRing:
    """Read the keys of this installation, making them on first use."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ring, team = folder / KEYS_FILE, folder / "team.private"
    fresh = not ring.exists()
    if fresh:
        private = PrivateKey.generate()
        durable_file.create(team, base64.b64encode(bytes(private)))
        keys = Keys(
            centre_hmac=secrets.token_bytes(32),
            team_public=bytes(private.public_key),
            wall_token=secrets.token_urlsafe(18),
            traccar_secret=secrets.token_urlsafe(18),
            dc09_key=secrets.token_hex(16),
        )
        durable_file.create(ring, msgspec.json.encode(keys))
    refuse_if_shared(ring)
    return KeyRing(
        keys=msgspec.json.decode(ring.read_bytes(), type=Keys),
        file=ring,
        fresh=fresh,
        team_private_file=team,
    )


def refuse_if_shared(path: Path) -> None:
    """Raise ``ConfigInvalid`` when others may read ``path``, as OpenSSH does."""
    if path.stat().st_mode & 0o077:
        raise ConfigInvalid(
            "keys.readable_by_others",
            f"{path.name} may be read by others",
            cure=f"chmod 600 {path.name}, then make new keys if anyone did read it",
        )
