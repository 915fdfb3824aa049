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
from cior_bus.public_key import REPAIR, TEAM, line_of, read_line
from cior_bus.signing import refuse_if_shared
from cior_core.errors import ConfigInvalid
from cior_core.keyed import RetiredKey


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """``centre_hmac`` (32 bytes) makes pseudonyms, ``retired`` did before it; ``team_public`` seals for the response
    team (its private half is on no server); ``wall_token`` opens the wall; ``traccar_secret`` is the forwarding
    password; ``dc09_key`` the panels' AES-128 key (hex).
    """

    centre_hmac: bytes
    team_public: bytes
    wall_token: str
    traccar_secret: str
    dc09_key: str
    retired: tuple[RetiredKey, ...] = ()

    def __repr__(self) -> str:
        return "Keys(***)"


KEYS_FILE = "keys.json"
OWNER_ONLY = 0o077
"""The umask of every part: what it writes, its owner alone may read."""


class KeyRing(msgspec.Struct, frozen=True, kw_only=True):
    """The keys, their file, and whether this start made them. ``team_private_file``: only where a trial keeps it."""

    keys: Keys
    file: Path
    fresh: bool
    team_private_file: Path | None = None


def open_keys(folder: Path, *, own_team: bool = False) -> KeyRing:
    """Read the keys of this installation, making them on first use; the response team's is made elsewhere.

    ``own_team``: a trial, which makes the team's pair itself and keeps it. Raises ``ConfigInvalid`` (``keys.no_team``).
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ring = folder / KEYS_FILE
    fresh = not ring.exists()
    if fresh:
        keys = Keys(
            centre_hmac=secrets.token_bytes(32),
            team_public=_team_public(folder, own_team=own_team),
            wall_token=secrets.token_urlsafe(18),
            traccar_secret=secrets.token_urlsafe(18),
            dc09_key=secrets.token_hex(16),
        )
        durable_file.create(ring, msgspec.json.encode(keys))
    private = folder / f"{TEAM}.private"
    return KeyRing(
        keys=read_keys(ring), file=ring, fresh=fresh, team_private_file=private if private.exists() else None
    )


def refuse_team_private(ring: KeyRing) -> None:
    """Raises ``ConfigInvalid`` (``keys.team_private``): the team's private key lies where network services run."""
    if ring.team_private_file is not None:
        raise ConfigInvalid(
            "keys.team_private",
            f"the response team's private key lies on this computer ({ring.team_private_file})",
            cure="move it to the team's own computer and delete it here: no part of a centre needs it",
        )


def repair_public(folder: Path) -> str:
    """The public key (base64) of whoever mends decoders; empty without one: the team alone opens what nobody could
    read. Raises ``ConfigInvalid`` (``keys.repair_private``): its private half lies where network services run.
    """
    if (folder / f"{REPAIR}.private").exists():
        raise ConfigInvalid(
            "keys.repair_private",
            f"the repair key's private half lies on this computer ({folder / f'{REPAIR}.private'})",
            cure="move it to the computer of whoever mends decoders and delete it here",
        )
    path = folder / f"{REPAIR}.public"
    return base64.b64encode(read_line(path, REPAIR)).decode() if path.exists() else ""


def read_keys(ring: Path) -> Keys:
    """The keys in their file. Raises ``ConfigInvalid`` when others may read it."""
    refuse_if_shared(ring)
    return msgspec.json.decode(ring.read_bytes(), type=Keys)


def make_pair(folder: Path, role: str) -> bytes:
    """A new key pair for sealing, as two files; the public half. Raises ``FileExistsError``: nothing is overwritten."""
    private = PrivateKey.generate()
    public = bytes(private.public_key)
    durable_file.create(folder / f"{role}.private", base64.b64encode(bytes(private)))
    durable_file.create(folder / f"{role}.public", f"{line_of(role, public)}\n".encode())
    return public


def _team_public(folder: Path, *, own_team: bool) -> bytes:
    path = folder / f"{TEAM}.public"
    if path.exists():
        return read_line(path, TEAM)
    if own_team:
        return make_pair(folder, TEAM)
    raise ConfigInvalid(
        "keys.no_team",
        "the response team has no key yet, and what is sealed needs one",
        cure=f"run `cior keys team FOLDER` on the team's own computer, and put its {path.name} into {folder}",
    )
