"""The bulk lanes: small records gathered into envelopes of 20-100, keyed by device bucket.

A bulk message is acknowledged when it lies in the spool; the bus drains the spool in order and :func:`merge` joins what
waits. What may not wait for the drain, a desk's life-safety calls beyond its pace, is joined with what is published
together with it: it waits for nothing more, and costs every reader one message instead of a hundred. A device keeps its
bucket, so the records of one device stay in order, and a table keyed by bucket is written once per envelope.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cior_bus.spool import Entry
from cior_core import codec, identity
from cior_core.catalogue import KIND_OF_TOPIC, Kind
from cior_core.errors import PayloadRejected

BUCKETS = 64
"""Device buckets.

At 1,500 events/s and a linger of 0.5 s an envelope gets about 12 records with 64 busy buckets and fewer, larger
envelopes as the rate or the backlog grows; at low rates latency, not size, decides.
"""

MAX_RECORDS = 100
MAX_BYTES = 512_000


def device_bucket(subject: str, *, buckets: int = BUCKETS) -> bytes:
    """The key of a device on the bulk lanes: stable over processes and versions (a digest of the subject)."""
    return bucket_key(identity.bucket(subject, buckets))


def bucket_key(number: int) -> bytes:
    """The message key of a bucket."""
    return b"b%03d" % number


def merge(
    entries: Iterable[Entry], *, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES
) -> list[Entry]:
    """Join bulk entries of one topic and key into envelopes; order per topic and key is kept, everything else passes as
    it is.

    A value that is an envelope already, that has headers of its own, or that would make an envelope larger than
    ``max_bytes``, travels alone.
    """
    open_groups: dict[tuple[str, bytes], list[Entry]] = {}
    sizes: dict[tuple[str, bytes], int] = {}
    out: list[Entry] = []

    def close(name: tuple[str, bytes]) -> None:
        group = open_groups.pop(name, None)
        if group:
            sizes.pop(name)
            out.append(_joined(group))

    for entry in entries:
        name = (entry.topic, entry.key)
        if not entry.bulk or entry.headers or codec.is_envelope(entry.value):
            close(name)
            out.append(entry)
            continue
        if name in open_groups and (
            len(open_groups[name]) >= max_records or sizes[name] + len(entry.value) > max_bytes
        ):
            close(name)
        open_groups.setdefault(name, []).append(entry)
        sizes[name] = sizes.get(name, 0) + len(entry.value)
    for name in list(open_groups):
        close(name)
    return out


def _joined(group: list[Entry]) -> Entry:
    first = group[0]
    if len(group) == 1:
        return first
    value = codec.join([entry.value for entry in group])
    return Entry(topic=first.topic, key=first.key, value=value, bulk=True)


def parts(entry: Entry) -> list[Entry]:
    """What :func:`merge` joined, one by one again; an entry that is no envelope, or unreadable as one, as it is."""
    if not entry.bulk or not codec.is_envelope(entry.value):
        return [entry]
    try:
        values = codec.split(KIND_OF_TOPIC.get(entry.topic, Kind.EVENT), entry.value)
    except PayloadRejected:
        return [entry]
    return [msgspec.structs.replace(entry, value=bytes(value)) for value in values]
