"""A console that signs what its operators do, and readers that know its key. In memory; the key is no secret."""

from __future__ import annotations

import msgspec
from nacl.signing import SigningKey

from cior_bus.signing import check
from cior_core import signatures
from cior_core.model import Action, ActionKind
from cior_core.proof import Proof
from cior_core.signatures import SignerKey, SignerRing

SIGNER = "console"
KEY = SigningKey(bytes(range(32)))
STRANGER = SigningKey(bytes(range(1, 33)))
RING = SignerRing(keys=(SignerKey(signer=SIGNER, public=bytes(KEY.verify_key), kinds=tuple(ActionKind)),))


def signed(
    action: Action, *, at_ms: int | None = None, signer: str = SIGNER, key: SigningKey = KEY
) -> Action:
    """``action`` as the console would send it."""
    bare = Proof(
        signer=signer,
        key=signatures.key_name(bytes(key.verify_key)),
        at_ms=action.at_ms if at_ms is None else at_ms,
        payload=msgspec.json.encode(msgspec.structs.replace(action, proof=None)),
        signature=b"",
    )
    signature = key.sign(signatures.message_of(action, bare)).signature
    return msgspec.structs.replace(action, proof=msgspec.structs.replace(bare, signature=signature))


def opens(action: Action, /, *, at_ms: int | None) -> Proof:
    """A reader whose ring has the console's key."""
    return signatures.open_action(action, RING, check=check, at_ms=at_ms)
