"""A row of the register's ledger on its way to its copy in the store: as it is chained, so that the copy can be checked
link by link, and without the words that somebody wrote about something sealed (law 17). Pure.

The register has the ledger. What is made here answers questions; it proves nothing by itself.
"""

from __future__ import annotations

import hashlib

import msgspec

from cior_core.canonical import canonical
from cior_core.chain import Seen
from cior_core.chain_place import ChainPlace
from cior_core.errors import PayloadRejected
from cior_core.model import Struct
from cior_core.people import REGISTER_CHAIN

_SEALED = "sealed."
_WORDS = "reason"
_decode = msgspec.json.Decoder(dict[str, object]).decode


class LedgerCopy(Struct, frozen=True):
    """One row. ``digest``: SHA-256 (hex) of the entry as the register has it, which ``hash`` chains.

    ``entry``: those very bytes, canonical JSON (RFC 8785); ``withheld``: without what was written as a reason, so that
    its digest is another one.
    """

    seq: int
    previous: str
    hash: str
    digest: str
    entry: str
    withheld: bool = False

    @property
    def seen(self) -> Seen:
        """As an entry of its chain, the hash computed now from all that stands here."""
        content = self.digest if self.withheld else _digest(self.entry.encode())
        return Seen.of(
            ChainPlace(chain=REGISTER_CHAIN, seq=self.seq, previous=self.previous), content, str(self.seq)
        )

    @property
    def is_itself(self) -> bool:
        """Whether it has the digest and the hash that it says."""
        return self.seen.hash == self.hash and self.seen.content == self.digest


def copy_of(*, seq: int, previous: str, hashed: str, entry: bytes) -> LedgerCopy:
    """The copy of a row. ``entry``: its canonical bytes; ``hashed``: what the row says its hash is.

    Total: a row that somebody spoiled in the register goes on its way empty, under the digest of what stands there, and
    is refused and named where it arrives.
    """
    digest = _digest(entry)
    try:
        said = _decode(entry)
        is_sealed = str(said.get("act", "")).startswith(_SEALED) and bool(said.get(_WORDS))
        shown = canonical({**said, _WORDS: ""}) if is_sealed else entry
    except (msgspec.MsgspecError, PayloadRejected):
        is_sealed, shown = True, b"{}"
    return LedgerCopy(seq, previous, hashed, digest, shown.decode(), withheld=is_sealed)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
