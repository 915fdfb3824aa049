"""The signing keys of the parts that take actions (law 13): made when a part first needs one, kept beside the others.

``<part>.signing`` is the part's alone; ``signers.json`` holds every public key that ever signed here, and no secret.
"""

from __future__ import annotations

import time
from pathlib import Path

import structlog

from cior_bus.signing import RING, ActionOpener, ActionSigner, make_key
from cior_core import bundled
from cior_core.signatures import SignerKey, may_sign, signing_parts

log = structlog.get_logger("cior_bus.signers")

HONOURED_MS = 86_400_000
"""What an old key signed in its time is accepted so long after: a part may have been away."""


def private_file(folder: Path, signer: str) -> Path:
    """Where the private key of a part is."""
    return folder / f"{signer}.signing"


def open_signer(folder: Path, signer: str) -> ActionSigner:
    """The signer of a part, its key made on first use. Raises ``ConfigInvalid`` for a part that takes no actions."""
    if not private_file(folder, signer).exists():
        rotate_signer(folder, signer, honoured_ms=HONOURED_MS)
    opened = ActionSigner(signer, private_file(folder, signer), ring=folder / RING)
    may = may_sign(bundled.text("signers.toml"), signer)
    lacking = [kind.value for kind in opened.lacking(may.kinds)]
    if may.duty and opened.lacks_duty:
        lacking.append("duty")
    if lacking:
        log.warning(
            "signing_key_is_older_than_its_acts",
            signer=signer,
            kinds=lacking,
            cure="cior keys rotate actions",
        )
    return opened


def signer_of(folder: Path, family: str) -> ActionSigner | None:
    """The signer of a family of connectors that takes people's decisions; None for every other."""
    return open_signer(folder, family) if family in signing_parts(bundled.text("signers.toml")) else None


def rotate_signer(folder: Path, signer: str, *, honoured_ms: int) -> SignerKey:
    """Give a part a new key. The old one signs nothing more, and stays in the ring: its log still verifies."""
    return make_key(
        private_file(folder, signer),
        folder / RING,
        signer=signer,
        may=may_sign(bundled.text("signers.toml"), signer),
        now_ms=time.time_ns() // 1_000_000,
        honoured_ms=honoured_ms,
    )


def opener(folder: Path) -> ActionOpener:
    """Who reads actions asks it."""
    return ActionOpener(folder / RING)
