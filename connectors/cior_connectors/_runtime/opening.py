"""Opens sealed records where the private key is: off the servers, by somebody with a name and a reason (law 17).

Each opening is on the disk (:mod:`cior_bus.openings`) before its content is given. What comes out is a raw record as it
was received, which :mod:`cior_connectors._runtime.replay` decodes again once the decoder is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from nacl.public import PrivateKey

from cior_bus import sealed_box
from cior_bus.openings import Opening, Openings
from cior_bus.sealed_content import SealedContent, opened
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.identity import payload_sha256
from cior_core.model import DataClass, DeadLetter, Producer, RawId, RawRecord

KEY_BYTES = 32


class Opener(msgspec.Struct, frozen=True, kw_only=True):
    """Who opens, why, with which private key (32 bytes), and where it is written down.

    Raises ``AccessDenied`` (``opening.unnamed``) without a name or a reason.
    """

    who: str
    reason: str
    private_key: bytes
    openings: Openings
    now_ms: Callable[[], int]

    def __post_init__(self) -> None:
        if not (self.who.strip() and self.reason.strip()):
            raise AccessDenied(
                "opening.unnamed", "nobody opens without a name and a reason", cure="give --who and --reason"
            )

    def open(self, found: RawRecord | DeadLetter) -> RawRecord:
        """The record as it was received. Raises ``AccessDenied`` and ``PayloadRejected``
        (:mod:`cior_bus.sealed_box`).
        """
        content = opened(found.payload, self.private_key)
        public = bytes(PrivateKey(self.private_key).public_key)
        self.openings.note(
            Opening(
                at_ms=self.now_ms(),
                who=self.who,
                reason=self.reason,
                record=found.id,
                box=payload_sha256(found.payload),
                key=sealed_box.key_id(public).hex(),
            )
        )
        return _as_received(found, content)


def opened_records(
    lines: Iterable[bytes], opener: Opener, *, only: frozenset[str] = frozenset()
) -> Iterator[RawRecord | str]:
    """Of an archive (NDJSON, as the topics carry it) each sealed record or dead letter, opened, or the code of why it
    was not. ``only``: the ids of records, or of the raw records that dead letters point to; empty for all.
    """
    for line in lines:
        if not line.strip():
            continue
        try:
            for found in _records(line):
                if found.data_class is DataClass.SEALED and (not only or only & _ids(found)):
                    yield _tried(opener, found)
        except PayloadRejected as error:
            yield error.code


def _records(line: bytes) -> list[RawRecord | DeadLetter]:
    try:
        return codec.records(Kind.RAW, line)
    except PayloadRejected:
        return codec.records(Kind.DEAD, line)


def _tried(opener: Opener, found: RawRecord | DeadLetter) -> RawRecord | str:
    try:
        return opener.open(found)
    except (AccessDenied, PayloadRejected) as error:
        return error.code


def _ids(found: RawRecord | DeadLetter) -> frozenset[str]:
    pointed = (
        {found.raw.raw_id} if isinstance(found, DeadLetter) and found.raw is not None else frozenset[str]()
    )
    return frozenset({found.id}) | pointed


def _as_received(found: RawRecord | DeadLetter, content: SealedContent) -> RawRecord:
    """With every fact that decoding had; of class sealed, so that no topic but the sealed one would ever take it."""
    if isinstance(found, DeadLetter):
        raw_id = found.raw.raw_id if found.raw is not None else RawId(found.id)
        received_ms, events, dead = found.at_ms, 0, 1
    else:
        raw_id, received_ms, events, dead = found.id, found.received_ms, found.events, found.dead
    producer = found.producer or Producer(connector="", version="")
    return RawRecord(
        id=raw_id,
        source=content.source,
        subject=content.subject,
        received_ms=received_ms,
        payload=content.payload,
        sha256=content.sha256,
        content_type=content.content_type,
        facts=_facts(content, received_ms),
        producer=msgspec.structs.replace(producer, instance=content.instance),
        events=events,
        dead=dead,
        data_class=DataClass.SEALED,
        drill=content.drill,
    )


def _facts(content: SealedContent, received_ms: int) -> dict[str, str]:
    """As :mod:`cior_connectors._runtime.stored_facts` reads them, and why it could not be read."""
    cut = content.truncated_from_bytes
    facts = dict(content.details)
    facts |= {"~peer": content.peer} if content.peer else {}
    facts |= {"~subject": content.subject} if content.subject else {}
    facts |= {"~code": content.code} if content.code else {}
    facts |= {"~drill": "true"} if content.drill else {}
    facts |= {"~truncated_from_bytes": str(cut)} if cut is not None else {}
    if content.first_received_ms not in (0, received_ms):
        facts["~first_received_ms"] = str(content.first_received_ms)
    return facts
