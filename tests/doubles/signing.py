"""A console that signs what its operators do, and readers that know its key. In memory; the key is no secret."""

from __future__ import annotations

import msgspec
from nacl.signing import SigningKey

from cior_bus.signing import check
from cior_core import signatures
from cior_core.duty import PublishedDuty
from cior_core.model import Action, ActionKind, RecallItem
from cior_core.proof import Proof
from cior_core.signatures import Signed, SignerKey, SignerRing

SIGNER = "console"
KEY = SigningKey(bytes(range(32)))
STRANGER = SigningKey(bytes(range(1, 33)))
SINK = "sink"
SINK_KEY = SigningKey(bytes(range(2, 34)))
RING = SignerRing(
    keys=(
        SignerKey(signer=SIGNER, public=bytes(KEY.verify_key), kinds=tuple(ActionKind), duty=True),
        SignerKey(signer=SINK, public=bytes(SINK_KEY.verify_key), kinds=(), recalls=True),
    )
)


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


def recalled(item: RecallItem, *, signer: str = SINK, key: SigningKey = SINK_KEY) -> RecallItem:
    """``item`` as the sink would send it."""
    name = signatures.key_name(bytes(key.verify_key))
    bare = Proof(signer=signer, key=name, at_ms=item.at_ms, payload=b"", signature=b"")
    signature = key.sign(signatures.message_of(item, bare)).signature
    return msgspec.structs.replace(item, proof=msgspec.structs.replace(bare, signature=signature))


def on_duty(told: PublishedDuty, *, signer: str = SIGNER, key: SigningKey = KEY) -> PublishedDuty:
    """``told`` as the console would send it."""
    name = signatures.key_name(bytes(key.verify_key))
    bare = Proof(signer=signer, key=name, at_ms=told.at_ms, payload=b"", signature=b"")
    signature = key.sign(signatures.message_of(told, bare)).signature
    return msgspec.structs.replace(told, proof=msgspec.structs.replace(bare, signature=signature))


class SinkSigner:
    """What the recaller signs with."""

    def sign_recall(self, item: RecallItem, *, at_ms: int) -> RecallItem:
        """Signed at ``at_ms``."""
        return recalled(msgspec.structs.replace(item, at_ms=at_ms))


def opens(signed: Signed, /, *, at_ms: int | None) -> Proof:
    """A reader whose ring has the console's key and the sink's."""
    return signatures.open_action(signed, RING, check=check, at_ms=at_ms)
