"""Deterministic identities: the same fact always gets the same id, two facts never share one (design §4.2, law 4).

Every id is an RFC 9562 §5.8 UUID version 8 made from SHA-256 over a *domain* word and the fields, each with a type
tag and its length in front, so that no two field lists give the same bytes: ``("ab", "c")`` and ``("a", "bc")``
differ, and so do ``1``, ``"1"`` and ``None``. Ids depend on content only: never on a clock, a process, a host or the
order of arrival.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

from cior_core.clock import Judgement
from cior_core.model import AlertId, AreaId, CommandKind, EventId, RawId

Field = str | bytes | int | None

RESEND_WINDOW_MS: Final = 600_000
"""How long a sequence number without a device time stays that of the same press (DC-09 sequences restart;
research/protocols.md §3).
"""


_SHORT: Final = tuple(b"s" + size.to_bytes(8, "big") for size in range(256))
"""Tag and length of a short text."""


def digest(domain: str, *fields: Field) -> bytes:
    """SHA-256 (32 bytes) of ``domain`` and ``fields``, unambiguous by type tag and length prefix."""
    parts: list[bytes] = []
    for field in (domain, *fields):
        # Text here, without a call: most fields are text, and each step asks for dozens.
        if isinstance(field, str):
            raw = field.encode("utf-8", "surrogatepass")
            size = len(raw)
            parts += (_SHORT[size] if size < 256 else b"s" + size.to_bytes(8, "big"), raw)
        else:
            parts.append(_framed(field))
    return sha256(b"".join(parts)).digest()


def _named_uuid(domain: str, *fields: Field) -> str:
    """The 36-character UUIDv8 of ``digest(domain, *fields)``: 122 bits of the digest, version 8, RFC variant."""
    text = digest(domain, *fields).hex()
    variant = "89ab"[int(text[16], 16) & 0b11]
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def pseudonym(key: bytes, *words: str) -> str:
    """``p-`` and 32 hex digits (HMAC-SHA256, RFC 2104): the same for the same ``words``; nobody without the centre's
    ``key`` gets back, by trial either (law 17)."""
    message = b"".join(len(word.encode()).to_bytes(4, "big") + word.encode() for word in words)
    return "p-" + hmac.new(key, message, sha256).hexdigest()[:32]


def is_pseudonym(text: str) -> bool:
    """Whether ``text`` has the shape of a :func:`pseudonym`."""
    return len(text) == 34 and text.startswith("p-") and set(text[2:]) <= set("0123456789abcdef")


def device_pseudonym(key: bytes, device_id: str) -> str:
    """Under which name a registered sealed device exists outside its connector, whatever channel it speaks on."""
    return pseudonym(key, "device", device_id)


def payload_sha256(payload: bytes) -> str:
    """Hex SHA-256 of bytes as received: the digest a raw record and every pointer to it carry."""
    return sha256(payload).hexdigest()


def raw_id(source: str, payload_digest: str, *, received_ms: int, instance: str, ordinal: int) -> RawId:
    """Id of one *receipt*: the same bytes received twice are two receipts. ``ordinal`` counts receipts of
    ``instance`` since it started, so two receipts in one millisecond differ; a spooled record keeps the id it was
    given.
    """
    return RawId(_named_uuid("cior.raw", source, payload_digest, received_ms, instance, ordinal))


def event_id(source: str, native_key: str, index: int = 0) -> EventId:
    """Id of a fact: ``source`` it came from, the source's own ``native_key`` for it (see :func:`press_key`), and its
    ``index`` among the facts of that key. A re-sent press has the same key, hence the same id; a second press
    another.
    """
    return EventId(_named_uuid("cior.event", source, native_key, index))


def press_key(  # noqa: PLR0913  all that may name a press, all named
    device: str,
    receipt: RawId,
    *,
    sequence: int | str | None = None,
    when: Judgement | None = None,
    received_ms: int | None = None,
    body: bytes = b"",
    part: str = "",
    authenticated: bool = False,
) -> str:
    """The native key of one press, by what the protocol gives us to tell a repeat from a second press (law 14).

    An id is only as good as its clock and its key: ``when`` is the device's own instant *as it was judged*, and one
    that was not believed as it is counts as none. ``authenticated``: the message showed that its sender has the key; it
    never shares an id with one that did not.

    1. With the device's own instant, believed: device, instant, ``sequence`` if any, ``part`` (input, zone, partition).
    2. With a sequence but no instant: device, sequence, ``body``, ``part`` and the window of :data:`RESEND_WINDOW_MS`
       that ``received_ms`` falls in, because sequences restart. A repeat across a window's border becomes a second
       event of the same device, which correlation merges: a copy too many, never a press too few. ``received_ms`` is
       required then (``ValueError``), unless an instant was given that is not believed: the receipt takes its place.
    3. With neither: each receipt is its own event; repeats are grouped by correlation, never deduplicated here.
    """
    shown = ("authenticated",) if authenticated else ()
    instant_ms = None if when is None else when.identity_ms
    if instant_ms is not None:
        return _named_uuid("cior.press.instant", device, instant_ms, sequence, part, *shown)
    if sequence is not None and received_ms is not None:
        window = received_ms // RESEND_WINDOW_MS
        return _named_uuid(
            "cior.press.sequence", device, sequence, sha256(body).digest(), part, window, *shown
        )
    if sequence is not None and when is None:
        raise ValueError("a press known by its sequence alone needs received_ms, because sequences restart")
    return _named_uuid("cior.press.receipt", device, receipt, part, *shown)


def dead_id(receipt: str, stage: str, index: int = 0) -> str:
    """Id of a dead letter: the receipt (or ``topic:partition:offset``) it came from, the stage that refused it, its
    index there.
    """
    return _named_uuid("cior.dead", receipt, stage, index)


def item_id(kind: str, area: AreaId, key: str) -> str:
    """Id of an entry of the area log: ``kind`` is the item's tag, ``key`` the id of what it carries (for a tick, its
    instant).
    """
    return _named_uuid("cior.item", kind, area, key)


def alert_id(area: AreaId, opened_by: str, generation: int = 0) -> AlertId:
    """Id of the alert that ``opened_by`` (an event or item id) opened; ``generation`` grows when an un-merge opens
    one from the same event.
    """
    return AlertId(_named_uuid("cior.alert", area, opened_by, generation))


def line_id(area: AreaId, rule: str, first: AlertId) -> str:
    """Id of a line that many alerts share: the rule that began it and the first alert in it."""
    return _named_uuid("cior.line", area, rule, first)


def transition_id(alert: AlertId, version: int, *, n: int = 0) -> str:
    """``<alert id>:<version>:<n>``: the n-th line of story that this version of the alert wrote."""
    return f"{alert}:{version}:{n}"


def command_id(
    alert: AlertId, kind: CommandKind, *, protocol: str, step: str, target: str, round_: int = 0
) -> str:
    """Id of a command: repeating a protocol step for the same target is the same command, so a siren is asked once.
    ``round_`` counts deliberate repetitions (an escalation that asks again).
    """
    return _named_uuid("cior.command", alert, kind, protocol, step, target, round_)


def bucket(subject: str, buckets: int) -> int:
    """The device bucket of ``subject``, 0 to ``buckets`` - 1, even and stable for ever: envelopes and device state
    are keyed by it.
    """
    return int.from_bytes(sha256(subject.encode("utf-8", "surrogatepass")).digest()[:8], "big") % buckets


def _framed(field: bytes | int | None) -> bytes:
    """One field as tag, 8-byte length, bytes."""
    if isinstance(field, bytes):
        tag, raw = b"b", field
    elif field is None:
        tag, raw = b"n", b""
    else:
        tag, raw = b"i", b"%d" % field
    return tag + len(raw).to_bytes(8, "big") + raw
