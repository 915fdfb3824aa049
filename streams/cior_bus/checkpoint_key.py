"""The key that signs the centre's checkpoints (Ed25519): made at the first start, told once, read by the sink alone."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import structlog
from nacl.signing import SigningKey

from cior_bus import durable_file
from cior_core.checkpoint import verifier_key
from cior_core.errors import ConfigInvalid

log = structlog.get_logger("cior_bus.checkpoint_key")
NAME = "checkpoint.private"
CHECKPOINTS = "checkpoints"
"""The folder of the pages, below the data folder. Copies of it belong elsewhere."""


def origin_of(centre: str) -> str:
    """The name under which a centre signs: one word, as a signed note wants it."""
    return "cior/" + (re.sub(r"[^a-z0-9]+", "-", centre.lower()).strip("-") or "centre")


def open_checkpoint_key(folder: Path, *, origin: str) -> SigningKey:
    """The key of this installation. Raises ``ConfigInvalid`` when others may read it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / NAME
    if not path.exists():
        made = SigningKey.generate()
        durable_file.create(path, base64.b64encode(bytes(made)))
        log.warning("checkpoint_key_made", public=verifier_key(origin, bytes(made.verify_key)))
    if path.stat().st_mode & 0o077:
        raise ConfigInvalid(
            "keys.readable_by_others",
            f"{NAME} may be read by others",
            cure=f"chmod 600 {NAME}, then make a new key if anyone did read it",
        )
    return SigningKey(base64.b64decode(path.read_bytes()))
