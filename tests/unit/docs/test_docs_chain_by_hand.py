"""The page for prosecutors shows an expert how to compute a record's digest by hand: that code gives the program's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_core.chain import genesis
from cior_core.chain_place import ChainPlace
from cior_core.model import DataClass, Producer, RawId, RawRecord
from cior_core.raw_chain import record_digest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fiscalia.md"
PLAIN = RawRecord(
    id=RawId("raw-1"), source="urn:cior:dc09:norte", subject="panel-7", received_ms=1_795_262_400_123,
    payload=b"\x00\xff,:", sha256="d3d4e3a2fa1a8cc2b7b2ee7a7b8bfb9e2a3d0a9e3ad62a1e6e0e6ee9a3b1a2c3",
    producer=Producer(connector="dc09", version="1.0", instance="norte"),
)  # fmt: skip


def by_hand() -> dict[str, Any]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "fiscalia.md", "exec"), names)
    return names


def row(record: RawRecord) -> dict[str, Any]:
    place = record.chain or ChainPlace(chain="", seq=0, previous="")
    return {
        "raw_id": record.id, "source": record.source, "subject": record.subject, "recibido_ms": record.received_ms,
        "payload": record.payload, "content_type": record.content_type, "facts": record.facts,
        "connector": record.producer.connector, "connector_version": record.producer.version,
        "instance": record.producer.instance, "events": record.events, "dead": record.dead,
        "data_class": record.data_class.value, "drill": record.drill, "chain": place.chain, "chain_seq": place.seq,
        "chain_previous": place.previous, "chain_void": place.void,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"facts": {"ñ": "€", "~peer": "203.0.113.9", "a": ""}, "drill": True, "events": 3, "dead": 1},
        {"data_class": DataClass.SEALED, "subject": "p-ñandú"},
        {"chain": ChainPlace(chain="norte/0a1b2c3d", seq=7, previous="ab" * 32, void="3-4:" + "cd" * 32)},
    ],
)
def test_the_pages_code_gives_the_digest_of_the_program(changes: dict[str, Any]) -> None:
    names = by_hand()
    record = msgspec.structs.replace(PLAIN, **changes)
    record = msgspec.structs.replace(record, sha256=names["hashlib"].sha256(record.payload).hexdigest())
    assert names["digest"](row(record)) == record_digest(record)
    assert names["resumen"]("cior.chain.genesis.v1", "norte/0a1b2c3d") == genesis("norte/0a1b2c3d")
