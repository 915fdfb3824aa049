"""Replay: the recorded area log through the same ``step``, without broker or store (law 5: same log, same bytes).

A log is NDJSON, one ``Item`` a line in log order. The output is NDJSON too: every effect in order, canonical, so that
``cmp`` is the whole comparison.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cior_core.correlate import State, gate, initial, play
from cior_core.errors import PayloadRejected
from cior_core.model import AppendTransition, AreaId, IssueCommand, Item, UpsertAlert, UpsertSilence
from cior_core.rules import RulePack
from cior_core.signatures import OpensActions

_items = msgspec.json.Decoder(Item)
_lines = msgspec.json.Encoder(order="sorted")


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay made: counts and the SHA-256 of the output."""

    items: int
    alerts: int
    transitions: int
    commands: int
    sha256: str
    rules: str
    refused: int = 0


def read_log(path: Path) -> Iterator[Item]:
    """The items of a recorded log. Raises ``PayloadRejected`` naming the line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield _items.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise PayloadRejected(
                    "replay.line",
                    f"{path.name}:{number} is no item: {error}",
                    cure="record the log again with `cior record`",
                ) from error


def replay(log: Path, rules: RulePack, out: Path, *, opens: OpensActions | None = None) -> Replayed:
    """Write every effect of ``log`` to ``out`` and count.

    ``opens``: whose actions count, as they did for the worker; None: the log is believed, its signatures unread.
    """
    digest = hashlib.sha256()
    alerts: set[str] = set()
    states: dict[AreaId, State] = {}
    transitions = commands = items = refused = 0

    def admitted() -> Iterator[Item]:
        nonlocal items, refused
        for item in read_log(log):
            items += 1
            try:
                if opens is not None:
                    gate.admit(states.get(item.area) or initial(item.area), item, rules, opens=opens)
            except PayloadRejected:
                refused += 1
            else:
                yield item

    with out.open("wb") as file:
        for effect in play(admitted(), rules, states=states):
            line = _lines.encode(effect) + b"\n"
            digest.update(line)
            file.write(line)
            match effect:
                case UpsertAlert(alert=alert):
                    alerts.add(alert.id)
                case AppendTransition():
                    transitions += 1
                case IssueCommand():
                    commands += 1
                case UpsertSilence():
                    pass  # its line is in the digest like every other
    return Replayed(
        items=items,
        alerts=len(alerts),
        transitions=transitions,
        commands=commands,
        sha256=digest.hexdigest(),
        rules=rules.version,
        refused=refused,
    )
