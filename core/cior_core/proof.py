"""That a part took an action: its exact bytes and its signature over them (law 13)."""

from __future__ import annotations

import msgspec


class Proof(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """``payload``: the action's JSON as it was signed, never written anew, so that it verifies for as long as it is
    kept. ``signer``: the part that took it; ``key``: which of its keys; ``at_ms``: when it signed (UTC).

    The signature (Ed25519, RFC 8032) covers all of them, the action's id and area, and the topic.
    """

    signer: str
    key: str
    at_ms: int
    payload: bytes
    signature: bytes
