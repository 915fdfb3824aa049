"""State as small entries for a key-value table, so that a kill between any two writes is harmless.

``entries(before, after)`` gives the changed entries only, ``head`` last. Each value carries the number of the step that
wrote it and the value it replaced; ``head`` carries the number of the last step that was written whole. :func:`restore`
takes an entry that is newer than ``head`` back to what it replaced, so any subset of a step's writes without its
``head`` reads as the state before that step, and the step runs again with the same result. A deletion is written as a
tombstone first and removed with the next step's entries, for the same reason. The shell publishes a step's effects
durably before it writes its entries, and writes ``head`` after all the others.

Keys: ``alert/<alert>``, ``part/<alert>/<event>``, ``seen/<kind>:<id>``, ``pending/<event>``, ``watch/<alert>``,
``storm/<alert>``, ``command/<command>``, ``pattern/<rule>``, ``line/<rule>``, ``silence/<action>``,
``protocol/<id>@<version>``, ``eye/<camera>``, ``head``. Values are MessagePack; each is a few kB at most because what
grows (parts) has entries of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from cior_core.correlate import due
from cior_core.correlate.index import build_index
from cior_core.correlate.persistent_map import PersistentMap
from cior_core.correlate.state import (
    SCHEMA_VERSION,
    STORED_AS,
    Case,
    Eye,
    Head,
    Line,
    Part,
    Pattern,
    Pending,
    Seen,
    Sent,
    State,
    Storm,
    Watch,
)
from cior_core.correlate.view import all_parts, all_watchings, part_order, reasons
from cior_core.errors import IntegrityBroken
from cior_core.model import DEFAULT_AREA, AreaId, Silence
from cior_core.protocols import ResponseProtocol
from cior_core.rules import RulePack

HEAD: Final = "head"

_encode = msgspec.msgpack.Encoder().encode
_TYPES: Final[dict[str, type]] = {
    "seen": Seen,
    "pending": Pending,
    "watches": Watch,
    "storms": Storm,
    "sent": Sent,
    "patterns": Pattern,
    "lines": Line,
    "silences": Silence,
    "protocols": ResponseProtocol,
    "eyes": Eye,
}
_MAP_OF: Final = {word: name for name, word in STORED_AS.items()}


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """Every value but ``head``: the step that wrote it, its bytes (None: deleted), those it replaced (None: it was
    new)."""

    seq: int
    value: bytes | None
    replaced: bytes | None


def entries(before: State, after: State) -> dict[str, bytes | None]:
    """What to write to take the table from ``before`` to ``after``, in this order; None removes the key."""
    seq = after.head.seq
    written: dict[str, bytes | None] = {}
    for key, old, new in _changes(before, after):
        written[key] = _encode(Stored(seq, new, old))
    for key in before.stale:
        if key not in written:
            written[key] = _rewritten(after, key, seq)
    written[HEAD] = _encode(after.head)
    return written


def carry(earlier: State, later: State) -> State:
    """``later`` with the keys that ``earlier`` has left over: for several steps whose entries are written as one."""
    if not earlier.stale:
        return later
    return msgspec.structs.replace(later, stale=tuple(sorted({*earlier.stale, *later.stale})))


def _rewritten(state: State, key: str, seq: int) -> bytes | None:
    """The whole value of a key whose stored bytes are left over; None when the state does not have it."""
    value = _value(state, key)
    return None if value is None else _encode(Stored(seq, value, value))


def _changes(before: State, after: State) -> Iterator[tuple[str, bytes | None, bytes | None]]:
    for alert_id, old, new in after.cases.changes(before.cases):
        yield from _case_changes(alert_id, old, new)
    for name, word in STORED_AS.items():
        now: PersistentMap[Any] = getattr(after, name)
        for key, was, become in now.changes(getattr(before, name)):
            yield (
                f"{word}/{key}",
                None if was is None else _encode(was),
                None if become is None else _encode(become),
            )


def _case_changes(
    alert_id: str, old: Case | None, new: Case | None
) -> Iterator[tuple[str, bytes | None, bytes | None]]:
    had = {} if old is None else {part.member.event_id: part for part in old.parts}
    has = {} if new is None else {part.member.event_id: part for part in new.parts}
    for event_id in sorted(had.keys() | has.keys()):
        was, become = had.get(event_id), has.get(event_id)
        if was is not become:
            yield (
                f"part/{alert_id}/{event_id}",
                None if was is None else _encode(was),
                None if become is None else _encode(become),
            )
    yield (
        f"alert/{alert_id}",
        None if old is None else _encode(_stem(old)),
        None if new is None else _encode(_stem(new)),
    )


def _stem(case: Case) -> Case:
    """The case without its parts and without what is composed from them."""
    return msgspec.structs.replace(
        case, parts=(), alert=msgspec.structs.replace(case.alert, members=(), reasons=(), watchings=())
    )


def _value(state: State, key: str) -> bytes | None:
    word, _, name = key.partition("/")
    if word == "alert":
        case = state.cases.get(name)
        return None if case is None else _encode(_stem(case))
    if word == "part":
        alert_id, _, event_id = name.partition("/")
        case = state.cases.get(alert_id)
        part = (
            None
            if case is None
            else next((part for part in case.parts if part.member.event_id == event_id), None)
        )
        return None if part is None else _encode(part)
    kept: PersistentMap[Any] = getattr(state, _MAP_OF[word])
    found = kept.get(name)
    return None if found is None else _encode(found)


def restore(stored: Mapping[str, bytes], rules: RulePack, *, area: AreaId = DEFAULT_AREA) -> State:
    """The state that ``stored`` holds, whatever subset of an interrupted step's entries is among it.

    No ``head``: the empty state of ``area`` (an interrupted first step is undone). Raises
    :class:`~cior_core.errors.IntegrityBroken` for bytes of an unknown schema.
    """
    head = _head(stored.get(HEAD), area)
    whole: dict[str, bytes] = {}
    stale: list[str] = []
    for key in sorted(stored):
        if key == HEAD:
            continue
        entry = msgspec.msgpack.decode(stored[key], type=Stored)
        interrupted = entry.seq > head.seq
        value = entry.replaced if interrupted else entry.value
        if value is not None:
            whole[key] = value
        if interrupted or value is None:
            stale.append(key)
    maps: dict[str, Any] = {name: _map(whole, word, _TYPES[name]) for word, name in _MAP_OF.items()}
    state = State(head=head, cases=_cases(whole), stale=tuple(stale), **maps)
    return _derived(state, rules)


def _derived(state: State, rules: RulePack) -> State:
    """``state`` with what is never stored, because it follows from the rest."""
    uses: dict[str, int] = {}
    for case in state.cases.values():
        for mark in case.protocols:
            uses[mark] = uses.get(mark, 0) + 1
    return msgspec.structs.replace(
        state,
        index=build_index(state, rules),
        uses=PersistentMap.of(uses),
        dues=due.all_dues(state),
    )


def _head(stored: bytes | None, area: AreaId) -> Head:
    if stored is None:
        return Head(area=area)
    raw = msgspec.msgpack.decode(stored)
    version = raw.get("schema", 1)
    while version != SCHEMA_VERSION:
        upgrade = UPGRADES.get(version)
        if upgrade is None:
            raise IntegrityBroken(
                "correlate.schema",
                f"the correlator's state has schema {version}, this program knows {SCHEMA_VERSION}",
                cure="run the version that wrote it, or rebuild the state by replaying the area log",
            )
        raw = upgrade(raw)
        version = raw["schema"]
    return msgspec.convert(raw, type=Head)


# New fields of every record are optional, so that only a change of meaning needs an upgrade.
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From schema n to n + 1, on the decoded ``head``."""


def _map(whole: Mapping[str, bytes], word: str, kind: type) -> PersistentMap[Any]:
    decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(kind)
    prefix = f"{word}/"
    return PersistentMap.of(
        {
            key.removeprefix(prefix): decoder.decode(value)
            for key, value in whole.items()
            if key.startswith(prefix)
        }
    )


def _cases(whole: Mapping[str, bytes]) -> PersistentMap[Case]:
    parts: dict[str, list[Part]] = {}
    for key, value in whole.items():
        if key.startswith("part/"):
            parts.setdefault(key.split("/")[1], []).append(msgspec.msgpack.decode(value, type=Part))
    bare = PersistentMap.of(
        {
            case.id: msgspec.structs.replace(
                case, parts=tuple(sorted(parts.get(case.id, []), key=part_order))
            )
            for key, value in whole.items()
            if key.startswith("alert/")
            for case in (msgspec.msgpack.decode(value, type=Case),)
        }
    )
    return PersistentMap.of({case.id: _composed(case, bare) for case in bare.values()})


def _composed(case: Case, bare: PersistentMap[Case]) -> Case:
    """The case with its alert's members and reasons put together again, as the last step showed them."""
    parts = all_parts(case, bare)
    alert = msgspec.structs.replace(
        case.alert,
        members=tuple(part.member for part in parts),
        reasons=reasons(case, parts),
        watchings=all_watchings(case, bare),
    )
    return msgspec.structs.replace(case, alert=alert)
