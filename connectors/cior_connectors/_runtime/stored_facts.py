"""The facts beside the bytes of a raw record, as text: replay equals live."""

from __future__ import annotations

from collections.abc import Mapping

from cior_connectors._runtime import clocks
from cior_connectors.contract import DecodeContext, Facts
from cior_core.model import RawRecord


def stored_facts(facts: Facts) -> dict[str, str]:
    """The facts a replay needs, as text beside the bytes."""
    stored = dict(facts.details)
    stored |= clocks.as_facts(facts.clocks)
    stored |= {"~peer": facts.peer} if facts.peer else {}
    stored |= {"~subject": facts.subject} if facts.subject else {}
    stored |= (
        {"~first_received_ms": str(facts.first_received_ms)}
        if facts.first_received_ms != facts.received_ms
        else {}
    )
    stored |= (
        {"~truncated_from_bytes": str(facts.truncated_from_bytes)}
        if facts.truncated_from_bytes is not None
        else {}
    )
    return stored | ({"~drill": "true"} if facts.drill else {})


def facts_of(record: RawRecord, context: DecodeContext) -> Facts:
    """The facts as decode saw them, from a stored record: replay equals live."""
    stored: Mapping[str, str] = record.facts
    cut = stored.get("~truncated_from_bytes")
    return Facts(
        source=record.source,
        peer=stored.get("~peer", ""),
        subject=stored.get("~subject", ""),
        content_type=record.content_type,
        details={key: value for key, value in stored.items() if not key.startswith("~")},
        drill="~drill" in stored,
        truncated_from_bytes=int(cut) if cut else None,
        received_ms=record.received_ms,
        raw_id=record.id,
        first_received_ms=int(stored.get("~first_received_ms", record.received_ms)),
        clocks=clocks.from_facts(stored),
        context=context,
    )
