"""Who may sign which decision, and whether a signed one is what its signer signed (law 13). Pure: the curve itself
(Ed25519, RFC 8032) is lent by whoever has a library for it.

A key has a time: what it signed in that time verifies for ever, so that an old log replays after a rotation (law 5).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from cior_core import canonical, identity
from cior_core.catalogue import KINDS, Kind
from cior_core.duty import PublishedDuty
from cior_core.errors import ConfigInvalid, PayloadRejected
from cior_core.model import Action, ActionKind, RecallItem, Struct
from cior_core.proof import Proof

SKEW_MS = 300_000
"""How far the clocks of a signer and of who reads it may lie apart."""

CheckSignature = Callable[[bytes, bytes, bytes], bool]
"""Public key, message, signature: whether it is that key's."""

Signed = Action | RecallItem | PublishedDuty
"""What law 13 wants a signature of: people's decisions, what the store says that they had decided, and who is rung."""

_DOMAIN = "cior.action.signature.v1"
_RECALL_DOMAIN = "cior.recall.signature.v1"
_DUTY_DOMAIN = "cior.duty.signature.v1"
_KEY_BYTES = 32
_action = msgspec.json.Decoder(Action)


class SignerKey(Struct, frozen=True, kw_only=True):
    """A public key of a part, which kinds of decision it may sign, and when (UTC ms).

    ``until_ms``: it signs nothing later; ``honoured_until_ms``: what it signed in time is accepted so long after, for
    what was under way. None: no end yet. ``recalls``: it may tell again what the store has of an alert; ``duty``: it
    may tell who is on duty.
    """

    signer: str
    public: bytes
    kinds: tuple[ActionKind, ...]
    from_ms: int = 0
    until_ms: int | None = None
    honoured_until_ms: int | None = None
    recalls: bool = False
    duty: bool = False

    def __post_init__(self) -> None:
        if len(self.public) != _KEY_BYTES:
            raise ValueError("a public key has 32 bytes")

    @property
    def key(self) -> str:
        """Its short name: 16 hex digits of its SHA-256."""
        return key_name(self.public)


class SignerRing(Struct, frozen=True, kw_only=True):
    """All keys that ever signed here. A retired key stays, with its end."""

    keys: tuple[SignerKey, ...] = ()

    def find(self, signer: str, key: str) -> SignerKey | None:
        """The key of a part by its short name."""
        return next((each for each in self.keys if each.signer == signer and each.key == key), None)


class OpensActions(Protocol):
    """Says whether an action, a recall or a directory of duty is what its signer signed."""

    def __call__(self, signed: Signed, /, *, at_ms: int | None) -> Proof:
        """Its proof, which holds. ``at_ms``: when it was put in order; None: it is only kept, not acted on.

        Raises ``PayloadRejected`` (``action.*``).
        """
        ...


def key_name(public: bytes) -> str:
    """The short name of a public key."""
    return sha256(public).hexdigest()[:16]


def message_of(signed: Signed, proof: Proof) -> bytes:
    """What is signed: SHA-256 over topic and message key, who, with what, when, which act, and its exact bytes.

    Of a recall, whose instant is stamped anew on its way: its id and the canonical bytes of its alert. Of a directory
    of duty: its instant and its bytes.
    """
    if isinstance(signed, PublishedDuty):
        return identity.digest(
            _DUTY_DOMAIN, signed.area, proof.signer, proof.key, proof.at_ms, signed.at_ms, signed.directory
        )
    if isinstance(signed, RecallItem):
        content = canonical.canonical(signed.alert)
        return identity.digest(
            _RECALL_DOMAIN, signed.area, proof.signer, proof.key, proof.at_ms, signed.id, content
        )
    topic = KINDS[Kind.ACTION].topics[0].name
    return identity.digest(
        _DOMAIN, topic, signed.area, proof.signer, proof.key, proof.at_ms, signed.id, proof.payload
    )


def read(value: bytes | None) -> Action:
    """A message of the actions' topic, its proof not checked. Raises ``PayloadRejected`` (``action.malformed``)."""
    try:
        return _action.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise refused("malformed") from error


def open_action(
    signed: Signed, ring: SignerRing, *, check: CheckSignature, at_ms: int | None = None
) -> Proof:
    """The proof of ``signed``, when its signer may say so and signed exactly this; see :class:`OpensActions`."""
    proof = signed.proof
    if proof is None:
        raise refused("unsigned")
    known = ring.find(proof.signer, proof.key)
    if known is None:
        raise refused("signer_unknown")
    if not check(known.public, message_of(signed, proof), proof.signature):
        raise refused("signature")
    if isinstance(signed, Action) and read(proof.payload) != msgspec.structs.replace(signed, proof=None):
        raise refused("altered")
    if not _in_time(known, proof.at_ms, at_ms):
        raise refused("key_out_of_time")
    if not _may_say(known, signed):
        raise refused("kind_not_allowed")
    return proof


def _may_say(key: SignerKey, signed: Signed) -> bool:
    match signed:
        case RecallItem():
            return key.recalls
        case PublishedDuty():
            return key.duty
        case _:
            return signed.kind in key.kinds


def nobody_signs(signed: Signed, /, *, at_ms: int | None) -> Proof:
    """Opens nothing: the ring of a reader that was given none."""
    return open_action(signed, SignerRing(), check=lambda *_: False, at_ms=at_ms)


def _in_time(key: SignerKey, signed_ms: int, at_ms: int | None) -> bool:
    if signed_ms < key.from_ms - SKEW_MS or (key.until_ms is not None and signed_ms > key.until_ms):
        return False
    if at_ms is None:
        return True
    return signed_ms <= at_ms + SKEW_MS and (key.honoured_until_ms is None or at_ms <= key.honoured_until_ms)


SENTENCES = {
    "unsigned": "an action, a recall or a directory of duty without a signature",
    "malformed": "not a readable action",
    "signer_unknown": "signed by nobody whose key is known here",
    "signature": "the signature is not that of its signer",
    "key_out_of_time": "signed with a key outside its time",
    "altered": "the signed action is not the one that it says to be",
    "kind_not_allowed": "its signer may not take this kind of action",
    "message_key": "it lies under the key of another area",
    "stale": "signed longer ago than acts are remembered",
    "other_content": "this action's id was used for another act",
    "replayed": "this action was told before, and has acted",
}


def refused(what: str) -> PayloadRejected:
    """The error of an act that counts for nothing: ``action.<what>``, one of :data:`SENTENCES`."""
    return PayloadRejected(
        f"action.{what}", SENTENCES[what], cure="find out who wrote it; the dead letter holds its bytes"
    )


def signing_parts(text: str) -> dict[str, dict[str, Any]]:
    """The table ``signers.toml``: the parts that take decisions, and which."""
    parts: dict[str, dict[str, Any]] = tomllib.loads(text)["part"]
    return parts


class Signing(Struct, frozen=True, kw_only=True):
    """What a part may sign: these kinds of decision, recalls, who is on duty."""

    kinds: tuple[ActionKind, ...] = ()
    recalls: bool = False
    duty: bool = False


def may_sign(text: str, signer: str) -> Signing:
    """What a part may sign, of the table ``signers.toml``. Raises ``ConfigInvalid`` for an unknown part."""
    parts = signing_parts(text)
    if signer not in parts:
        raise ConfigInvalid(
            "keys.signer", f"'{signer}' takes no actions", cure=f"name one of {', '.join(sorted(parts))}"
        )
    return msgspec.convert(parts[signer], Signing)
