"""Looks for the identity and the exact place of every sealed device of the demo, wherever the demo can read.

What may know them: the registry and the simulator (both are input here), and the sealed boxes, which nobody here can
open.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from cior.recording import read_so_far
from cior_bus.admin import Topics
from cior_bus.message import RecordIn
from cior_bus.settings import BusSettings
from cior_demo.roster import Actor
from cior_store.engine import Store
from cior_store.tracing import tables_holding


class Canaries(msgspec.Struct, frozen=True, kw_only=True):
    """What must be nowhere: ``plain`` in any case, ``coded`` exactly (base64, as JSON carries bytes)."""

    plain: tuple[str, ...]
    coded: tuple[bytes, ...]

    @classmethod
    def of(cls, actors: Iterable[Actor]) -> Canaries:
        """Wire name, subject, registered name and coordinates of each."""
        plain = [
            text
            for actor in actors
            for text in (actor.native, actor.subject, actor.name, str(actor.lat), str(actor.lon))
        ]
        return cls(
            plain=tuple(plain), coded=tuple(form for text in plain for form in _base64_forms(text.encode()))
        )

    def stand_in(self, content: bytes) -> bool:
        """Whether any of them stands in these bytes."""
        small = content.lower()
        return any(text.lower().encode() in small for text in self.plain) or any(
            form in content for form in self.coded
        )


def _base64_forms(text: bytes) -> Iterator[bytes]:
    """The characters that depend on ``text`` alone, for each of the three places where it may begin in a group."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + text).rstrip(b"=")
        begin, end = -(-before * 8 // 6), (before + len(text)) * 8 // 6
        yield coded[begin:end]


def in_topics(bus: BusSettings, canaries: Canaries) -> dict[str, int]:
    """Records by topic, changelogs included, that hold a canary in key or value."""
    found: dict[str, int] = {}

    def check(record: RecordIn) -> None:
        if canaries.stand_in((record.key or b"") + b"\0" + (record.value or b"")):
            found[record.topic] = found.get(record.topic, 0) + 1

    read_so_far(bus, sorted(Topics(bus).existing()), check)
    return found


def in_files(folder: Path, canaries: Canaries) -> dict[str, int]:
    """Files below ``folder`` that hold a canary (1 each)."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.name: 1 for path in files if canaries.stand_in(path.read_bytes())}


def in_tables(dsn: str, canaries: Canaries) -> dict[str, int]:
    """Rows by table. The store must have no other owner any more."""
    needles = [*canaries.plain, *(form.decode() for form in canaries.coded)]
    with Store.open(dsn) as store:
        return tables_holding(store, needles)
