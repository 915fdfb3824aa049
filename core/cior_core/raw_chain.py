"""What of a raw record is chained: everything. Law 15.

The content of a record is the SHA-256 of its fields in a fixed order, framed as netstrings
(:func:`cior_core.chain.fingerprint`), the payload by its own SHA-256, the facts sorted by key. So a record with other
facts, another subject or another instant is another record, not only one with other bytes. The database checks the same
sum at each insert (migration 015), and whoever has the row can do so by hand (docs/fiscalia.md). Pure.
"""

from __future__ import annotations

from cior_core.chain import Seen, entry_hash, fingerprint, netstrings
from cior_core.chain_place import ChainPlace
from cior_core.model import RawRecord

NOWHERE = ChainPlace(chain="", seq=0, previous="")
"""The place of a record whose writer keeps no chain."""


def content_of(record: RawRecord) -> str:
    """Hex SHA-256 of all that the record says but its place. Its ``sha256`` is taken to be that of its payload."""
    facts = (text for pair in sorted(record.facts.items()) for text in pair)
    producer = record.producer
    return fingerprint(
        "cior.raw.v1", record.id, record.source, record.subject, str(record.received_ms), record.sha256.lower(),
        record.content_type, netstrings(*facts), producer.connector, producer.version, producer.instance,
        str(record.events), str(record.dead), record.data_class.value, "true" if record.drill else "false",
    )  # fmt: skip


def seen(record: RawRecord) -> Seen:
    """The record as an entry of its chain."""
    return Seen.of(record.chain or NOWHERE, content_of(record), record.id)


def record_digest(record: RawRecord) -> str:
    """Hex digest of the record with its place: the hash of its entry in its chain, and what tells a copy from another
    record under the same id.
    """
    return entry_hash(record.chain or NOWHERE, content_of(record))
