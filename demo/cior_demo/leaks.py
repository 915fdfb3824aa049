"""Looks for the identity and the exact place of every sealed device of the demo, wherever the demo can read.

What may know them: the registry and the simulator (both are input here), and the sealed boxes, which nobody here can
open.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from cior_bus.admin import Topics
from cior_bus.message import RecordIn
from cior_bus.recording import read_so_far
from cior_bus.settings import BusSettings
from cior_demo.roster import Actor
from cior_store.engine import Store
from cior_store.tracing import tables_holding

_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class Coded(msgspec.Struct, frozen=True, kw_only=True):
    """A text inside base64: ``form`` are the characters that depend on it alone, where it begins with one of the three
    bytes of a group; ``lead`` characters of that group come before them, ``size`` characters hold all of it.

    The last characters hold bits of what follows and are not in ``form``: who finds it looks at the bytes themselves.
    """

    text: bytes
    form: bytes
    lead: int
    size: int

    def stands_in(self, content: bytes) -> bool:
        """Whether the whole text is encoded there."""
        at = content.find(self.form)
        while at >= 0:
            group = content[max(0, at - self.lead) : at - self.lead + self.size]
            if at < self.lead or not _BASE64.fullmatch(group) or self.text in base64.b64decode(group):
                return True
            at = content.find(self.form, at + 1)
        return False


class Canaries(msgspec.Struct, frozen=True, kw_only=True):
    """What must be nowhere: ``plain`` in any case, ``coded`` exactly (base64, as JSON carries bytes)."""

    plain: tuple[str, ...]
    coded: tuple[Coded, ...]

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
            each.stands_in(content) for each in self.coded
        )


def _base64_forms(text: bytes) -> Iterator[Coded]:
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + text)
        lead, end = -(-before * 8 // 6), (before + len(text)) * 8 // 6
        yield Coded(text=text, form=coded[lead:end], lead=lead, size=len(coded))


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
    needles = [*canaries.plain, *(each.form.decode() for each in canaries.coded)]
    with Store.open(dsn) as store:
        return tables_holding(store, needles)
