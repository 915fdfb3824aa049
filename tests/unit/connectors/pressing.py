"""A decoder in which every payload is one press, and the facts beside it, for tests of the runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cior_connectors.contract import Decoded, Facts
from cior_connectors.decoding import make_event
from cior_connectors.kit.subject import Subject
from cior_core.model import RawId

SUBJECT = Subject("cior_connectors.builtin.traccar")
FACTS = Facts(source="urn:cior:toy:kit")
Decode = Callable[[bytes, Facts], Decoded]


def pressing(type_code: str = "panic.bus", **fields: Any) -> Decode:
    """A decoder for which every payload is one event of the device it names."""

    def decode(raw: bytes, facts: Facts) -> Decoded:
        name = raw.decode()
        return Decoded(
            events=(
                make_event(
                    facts,
                    type_code=type_code,
                    subject=name,
                    key=f"{name}/{type_code}",
                    occurred_ms=facts.received_ms,
                    **fields,
                ),
            )
        )

    return decode


def stamped(**changes: Any) -> Facts:
    values = {
        "received_ms": 1_795_305_600_000,
        "first_received_ms": 1_795_305_600_000,
        "raw_id": RawId("raw-1"),
        "context": SUBJECT.context(),
        **changes,
    }
    return msgspec.structs.replace(FACTS, **values)
