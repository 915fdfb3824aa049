"""What the correlator remembers of one area, as frozen structs on persistent maps.

Nothing here is shared with other rooms: they see the effects.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.correlate.agenda import Agenda
from cior_core.correlate.persistent_map import PersistentMap
from cior_core.model import (
    Alert,
    AlertId,
    AlertStatus,
    AreaId,
    CommandKind,
    DataClass,
    Level,
    Member,
    Phase,
    Place,
    Reason,
    Silence,
    TypeCode,
)
from cior_core.protocols import ResponseProtocol
from cior_core.watching import Watching

SCHEMA_VERSION = 1

CORROBORATING = frozenset({Phase.NEW, Phase.UPDATE, Phase.STILL})
"""Phases that say that something is going on; the others end, withdraw or test it."""

UNDECODED: Final = "source.undecoded"
"""The type that stands for what the taxonomy does not know: it alerts, marked degraded."""

GATHERED: Final = "storm.grouped"
"""Code of the reason of parts that a storm gathered: they hold together by their polygon only, nothing joins through
them."""

FLOODED: Final = "flood.grouped"
"""Code of the reason of parts that a flood gathered: not of one place, so that only the same device joins through them.
"""

STORED_AS: Final = {
    "seen": "seen",
    "pending": "pending",
    "watches": "watch",
    "storms": "storm",
    "sent": "command",
    "patterns": "pattern",
    "lines": "line",
    "silences": "silence",
    "protocols": "protocol",
    "eyes": "eye",
}
"""The word that starts the storage key of each map (:mod:`~cior_core.correlate.persist`)."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of what the correlator remembers."""


class MergeClass(msgspec.Struct, frozen=True):
    """What of an alert may never mix: only cases of one class can become one alert."""

    drill: bool
    silent: bool = False


class Part(Record, frozen=True, kw_only=True):
    """One event's part in a case, with why it is there; it is believed to have happened at ``instant_ms`` ±
    ``error_s``. ``proven``: of a device that is registered or showed its key, or told by a desk or a camera;
    ``recovered``: told by its source out of its own history."""

    member: Member
    instant_ms: int
    error_s: float
    join: Reason | None = None
    record: str | None = None
    late: bool = False
    degraded: bool = False
    proven: bool = False
    recovered: bool = False
    data_class: DataClass = DataClass.RESTRICTED


class Case(Record, frozen=True, kw_only=True):
    """One incident: its published ``alert`` and what is needed to change it reversibly.

    ``own_*`` are the case's own, without what it absorbed: merging shows the union, un-merging shows the own again.
    ``pinned`` are reasons that a rule gave once (a pattern, a late mark); ``terms`` are recomputed with each score.
    ``protocols`` names, as ``id@version``, what runs on it: an alert keeps the versions that it started with.
    ``apart``: it left a shared line and is put into none again. ``counted_in``: alerts of city-wide rules that
    counted it, each once. ``moved``: where a person says that it is; ``typed_over``: the types that a person knew who
    gave it ``own_type``: only another one leads the alert since. ``rounds``: how often it was reopened. ``watchings``:
    the looks of cameras that it asked for.
    """

    alert: Alert
    parts: tuple[Part, ...] = ()
    terms: tuple[Reason, ...] = ()
    pinned: tuple[Reason, ...] = ()
    own_type: TypeCode
    own_floor: Level | None = None
    absorbed: tuple[AlertId, ...] = ()
    status_before_merge: AlertStatus | None = None
    confirmed: bool = False
    withdrawn: bool = False
    issued: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    watchings: tuple[Watching, ...] = ()
    apart: bool = False
    counted_in: tuple[AlertId, ...] = ()
    moved: Place | None = None
    typed_over: tuple[TypeCode, ...] = ()
    rounds: int = 0

    @property
    def id(self) -> AlertId:
        """The alert's id."""
        return self.alert.id

    @property
    def merge_class(self) -> MergeClass:
        """What it may be merged with."""
        return MergeClass(self.alert.drill, self.alert.silent)

    @property
    def live(self) -> bool:
        """Neither closed nor part of another."""
        return self.alert.status not in {AlertStatus.CLOSED, AlertStatus.MERGED}


class Seen(Record, frozen=True, kw_only=True):
    """An id that was processed: digest of its facts, when, the alert it went to and the last receipts that told it.

    ``repeats``: how often it was told since it rang again; ``told``: its closed alert says that it was recovered.
    """

    digest: str
    at_ms: int
    alert_id: AlertId | None = None
    receipts: tuple[str, ...] = ()
    repeats: int = 0
    told: bool = False


class Pending(Record, frozen=True, kw_only=True):
    """An event that waits: for its threshold, or (``orphan``) for the alert that its phase speaks of."""

    part: Part
    until_ms: int
    drill: bool = False
    orphan: bool = False


class Watch(Record, frozen=True, kw_only=True):
    """A place that is watched for a while after a confirmed alert. Place-based: it holds no person."""

    alert_id: AlertId
    rule: str
    rule_version: int
    lat: float
    lon: float
    radius_m: float
    points: int
    since_ms: int
    until_ms: int
    drill: bool = False


class Storm(Record, frozen=True, kw_only=True):
    """A weather warning in force: calls of types ``groups`` inside ``polygon`` (lat, lon) join its alert until it
    expires."""

    alert_id: AlertId
    rule: str
    rule_version: int
    groups: tuple[str, ...]
    polygon: tuple[tuple[float, float], ...]
    until_ms: int
    drill: bool = False


class Sent(Record, frozen=True, kw_only=True):
    """A command that was issued, and the last answer to it. ``round``: how often the same was asked before."""

    alert_id: AlertId
    kind: CommandKind
    target: str
    protocol: str
    step: str
    issued_ms: int
    expires_ms: int
    outcome: str | None = None
    device: str | None = None
    round: int = 0


class Pattern(Record, frozen=True, kw_only=True):
    """The alert that a city-wide rule opened and, of a flood, those that it began with and how many events it took.

    Whom a rule counted later says so itself (:attr:`Case.counted_in`): a list here would grow with every alert.
    """

    alert_id: AlertId
    counted: tuple[AlertId, ...]
    last_ms: int
    events: int = 0


class Opened(Record, frozen=True, kw_only=True):
    """That an alert of nobody known was opened, and when."""

    alert_id: AlertId
    at_ms: int


class Line(Record, frozen=True, kw_only=True):
    """How often alerts of nobody known are opened: the last ones, the line that they share since the rule's rate was
    passed (empty: none yet), and when it last took one."""

    id: str = ""
    recent: tuple[Opened, ...] = ()
    last_ms: int = 0


class Eye(Record, frozen=True, kw_only=True):
    """A camera whose pictures say nothing now: the conditions that hold. One that works has no such record."""

    conditions: tuple[str, ...]
    since_ms: int


class PostureState(Record, frozen=True, kw_only=True):
    """A posture in force, who set it and until when."""

    name: str
    by: str
    reason: str
    since_ms: int
    until_ms: int


class Head(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What every step changes: counters and the posture.

    ``transitions`` numbers the area's own (stored as ``story``).
    """

    area: AreaId
    schema: int = SCHEMA_VERSION
    seq: int = 0
    now_ms: int = 0
    transitions: int = msgspec.field(default=0, name="story")
    swept_ms: int = 0
    posture: PostureState | None = None


class Dues(msgspec.Struct, frozen=True, kw_only=True):
    """When what must be looked at again (:mod:`~cior_core.correlate.due`).

    ``cases``: a timer or the end of a silence; ``closed``: since when it is closed (what was merged into it goes with
    it); ``sent``: an answer that is overdue; ``seen``: when an id was seen; the others: the end of a record.
    """

    cases: Agenda = Agenda()
    closed: Agenda = Agenda()
    sent: Agenda = Agenda()
    watches: Agenda = Agenda()
    storms: Agenda = Agenda()
    pending: Agenda = Agenda()
    silences: Agenda = Agenda()
    seen: Agenda = Agenda()


class State(msgspec.Struct, frozen=True, kw_only=True):
    """All of one area. ``protocols`` are the versions that remembered cases started with, by ``id@version``.

    ``index``, ``uses`` (how many cases run a protocol) and ``dues`` follow from the rest and are never stored.
    ``stale`` is bookkeeping of :mod:`~cior_core.correlate.persist`: storage keys whose stored bytes are left over
    (tombstones, an interrupted write) and must be written or removed with the next entries.
    """

    head: Head
    cases: PersistentMap[Case] = PersistentMap()
    seen: PersistentMap[Seen] = PersistentMap()
    pending: PersistentMap[Pending] = PersistentMap()
    watches: PersistentMap[Watch] = PersistentMap()
    storms: PersistentMap[Storm] = PersistentMap()
    sent: PersistentMap[Sent] = PersistentMap()
    patterns: PersistentMap[Pattern] = PersistentMap()
    lines: PersistentMap[Line] = PersistentMap()
    silences: PersistentMap[Silence] = PersistentMap()
    protocols: PersistentMap[ResponseProtocol] = PersistentMap()
    eyes: PersistentMap[Eye] = PersistentMap()
    index: PersistentMap[Agenda] = PersistentMap()
    uses: PersistentMap[int] = PersistentMap()
    dues: Dues = Dues()
    stale: tuple[str, ...] = ()

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Every alert still remembered, by id."""
        return tuple(case.alert for case in self.cases.values())


def initial(area: AreaId) -> State:
    """The empty memory of ``area``."""
    return State(head=Head(area=area))
