"""The words of the domain, as frozen structs that every room shares.

Instants are ``int``: **UTC ms since the Unix epoch**, named ``_ms``; other units are in the name (``_s``, ``_kmh``).
What is not known is ``None``, a place ``UNKNOWN``; what we do not know stays in :attr:`Event.extra` (law 12).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, NewType

import msgspec

from cior_core import chain_place, handling, proof, target, watching

EventId = NewType("EventId", str)
RawId = NewType("RawId", str)
AlertId = NewType("AlertId", str)
AreaId = NewType("AreaId", str)
TypeCode = NewType("TypeCode", str)
CommandKind = target.CommandKind
Target = target.Target
TargetKind = target.TargetKind
ActionKind = handling.ActionKind
AgencyClock = handling.AgencyClock
AgencyStage = handling.AgencyStage
AlertStatus = handling.AlertStatus
Deed = handling.Deed
Disposition = handling.Disposition
Level = handling.Level
Ruling = handling.Ruling
Silence = handling.Silence
SilenceScope = handling.SilenceScope
Stamp = handling.Stamp
StepMark = handling.StepMark
Suppression = handling.Suppression
UpsertSilence = handling.UpsertSilence
DEFAULT_AREA = AreaId("city")


class DataClass(StrEnum):
    """Who may see a fact. Ordered: a record has the highest class of what it holds."""

    PUBLIC = "public"
    RESTRICTED = "restricted"
    SEALED = "sealed"


class ClockQuality(StrEnum):
    """How far the device's clock can be believed."""

    SYNCED = "synced"
    SKEWED = "skewed"
    UNKNOWN = "unknown"


class PlaceMethod(StrEnum):
    """How a place became known; ``DISTRICT`` is all that a sealed event shows."""

    GPS = "gps"
    SITE = "site"
    GEOCODED = "geocoded"
    CALLER = "caller"
    DISTRICT = "district"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """What a message says about its fact: Contact ID qualifiers and the CAD life cycle in one list."""

    NEW = "new"
    UPDATE = "update"
    STILL = "still"
    RESTORE = "restore"
    CANCEL = "cancel"
    END = "end"
    TEST = "test"


class Lane(StrEnum):
    """Which topic an event travels on (design §4.3)."""

    URGENT = "urgent"
    NORMAL = "normal"
    TELEMETRY = "telemetry"


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of every shared struct: frozen, keyword only, defaults not written.

    Made of values it is part of no cycle: with 100,000 open alerts each round of their collector took seconds.
    """


class Place(Struct, frozen=True, kw_only=True):
    """Where something is: WGS84 degrees with accuracy, a bare district, or explicitly unknown.

    ``lat``/``lon`` are set for GPS, SITE, GEOCODED and CALLER; ``district`` alone for DISTRICT; nothing for UNKNOWN.
    ``text``: what it is called, as it was told; else its neighbourhood.
    """

    method: PlaceMethod
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None
    fix_age_s: float | None = None
    h3: str | None = None
    district: str | None = None
    text: str | None = None

    @property
    def located(self) -> bool:
        """Whether the place has coordinates."""
        return self.lat is not None and self.lon is not None

    def district_only(self) -> Place:
        """What may be known of it outside the sealed channel: its district, or explicitly nothing (law 9)."""
        return Place(method=PlaceMethod.DISTRICT, district=self.district) if self.district else UNKNOWN_PLACE


UNKNOWN_PLACE = Place(method=PlaceMethod.UNKNOWN)


class RawPointer(Struct, frozen=True, kw_only=True):
    """The raw record an event was decoded from; ``index`` is the event's position among its siblings."""

    raw_id: RawId
    sha256: str
    index: int = 0


class Producer(Struct, frozen=True, kw_only=True):
    """Which program made a record."""

    connector: str
    version: str
    instance: str = ""


class Event(Struct, frozen=True, kw_only=True):
    """One fact from one source, in canonical form; on the wire CloudEvents 1.0 JSON (``cior_core.cloudevents``).

    The same press re-sent has the same ``id``, a second press another. ``independence``: what two corroborating sources
    must differ in (default: the subject). ``recovered``: told by its source out of its history (law 14).
    """

    id: EventId
    source: str
    type: TypeCode
    subject: str
    phase: Phase = Phase.NEW
    occurred_ms: int
    received_ms: int
    recorded_ms: int | None = None
    clock: ClockQuality = ClockQuality.UNKNOWN
    clock_error_s: float | None = None
    place: Place = UNKNOWN_PLACE
    data_class: DataClass = DataClass.RESTRICTED
    life_safety: bool = False
    lane: Lane = Lane.NORMAL
    raw: RawPointer | None = None
    producer: Producer | None = None
    drill: bool = False
    recovered: bool = False
    registered: bool | None = None
    independence: str | None = None
    native_key: str | None = None
    native_type: str | None = None
    native_priority: str | None = None
    summary: str | None = None
    attributes: dict[str, Any] = {}
    traceparent: str | None = None
    extra: dict[str, Any] = {}


class RawRecord(Struct, frozen=True, kw_only=True):
    """The bytes exactly as received: the evidence and the replay source. Never rewritten.

    ``events`` and ``dead``: what decoding made of it. When ``sealed``, ``payload`` is a libsodium sealed box, and
    ``source`` and ``subject`` are pseudonyms. ``chain``: its place in its writer's chain (law 15).
    """

    id: RawId
    source: str
    subject: str
    received_ms: int
    payload: bytes
    sha256: str
    content_type: str = "application/octet-stream"
    facts: dict[str, str] = {}
    producer: Producer
    events: int = 0
    dead: int = 0
    data_class: DataClass = DataClass.RESTRICTED
    sealed: bool = False
    drill: bool = False
    chain: chain_place.ChainPlace | None = None


class DeadLetter(Struct, frozen=True, kw_only=True):
    """What could not be decoded or processed, its bytes and the reason; a sealed source's are a sealed box."""

    id: str
    stage: Literal["decode", "agent", "store", "topic"]
    code: str
    reason: str
    payload: bytes
    at_ms: int
    source: str
    raw: RawPointer | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    life_safety: bool = False
    data_class: DataClass = DataClass.RESTRICTED
    producer: Producer | None = None
    truncated_from_bytes: int | None = None


class Reason(Struct, frozen=True, kw_only=True):
    """One term of a level or one step of a correlation, readable by an operator and by a court."""

    code: str
    points: int
    text_es: str
    text_en: str
    rule: str | None = None
    rule_version: int | None = None
    events: tuple[EventId, ...] = ()
    distance_m: float | None = None
    delta_s: float | None = None


class Member(Struct, frozen=True, kw_only=True):
    """An event's part in an alert: enough to explain, un-merge and display, within what its class allows."""

    event_id: EventId
    type: TypeCode
    source: str
    subject: str
    phase: Phase
    occurred_ms: int
    received_ms: int
    place: Place
    life_safety: bool
    independence: str
    raw: RawPointer | None = None
    registered: bool | None = None
    clock_error_s: float | None = None
    summary: str | None = None
    attributes: dict[str, Any] = {}


class Alert(Struct, frozen=True, kw_only=True):
    """One incident's current state; ``version`` orders its copies. ``group``: the line that it shares, if any.

    ``protocols``: what runs on it, as ``id@version``; ``steps``: what became of their steps; ``timers``: those due.
    ``agencies``: clocks of those asked; ``disagreement``: they differ. ``deeds``: the last. ``ruling``: a person's.
    """

    id: AlertId
    area: AreaId
    version: int
    type: TypeCode
    level: Level
    score: int
    status: AlertStatus
    reasons: tuple[Reason, ...]
    members: tuple[Member, ...]
    opened_ms: int
    updated_ms: int
    first_occurred_ms: int
    last_occurred_ms: int
    place: Place
    data_class: DataClass
    life_safety: bool
    protocol: str
    protocol_version: int
    rules_version: str
    drill: bool = False
    silent: bool = False
    degraded: bool = False
    assignee: str | None = None
    disposition: Disposition | None = None
    merged_into: AlertId | None = None
    links: tuple[AlertId, ...] = ()
    suppression: Suppression | None = None
    acknowledged_ms: int | None = None
    dispatched_ms: int | None = None
    on_scene_ms: int | None = None
    closed_ms: int | None = None
    timers: tuple[tuple[str, int], ...] = ()
    applied: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    floor: Level | None = None
    group: str = ""
    assigned_ms: int | None = None
    protocols: tuple[str, ...] = ()
    steps: tuple[StepMark, ...] = ()
    agencies: tuple[AgencyClock, ...] = ()
    disagreement: bool = False
    ruling: Ruling | None = None
    deeds: tuple[Deed, ...] = ()
    watchings: tuple[watching.Watching, ...] = ()


class Transition(Struct, frozen=True, kw_only=True):
    """One append-only line of an alert's story. ``id`` = ``<alert id>:<version>:<n>``, so a repeat collapses."""

    id: str
    alert_id: AlertId
    area: AreaId
    version: int
    at_ms: int
    kind: str
    actor: str
    level: Level
    status: AlertStatus
    detail_es: str = ""
    detail_en: str = ""
    reasons: tuple[Reason, ...] = ()
    item_id: str | None = None
    drill: bool = False
    data_class: DataClass = DataClass.RESTRICTED


class Action(Struct, frozen=True, kw_only=True):
    """A human decision, as an event; ``id`` is the client's idempotency key, ``proof`` the signature of its part.

    ``seen_version``: what the actor saw of the alert; who acted since in a way that this act contradicts was first.
    ``assignee``: who is to have it (ASSIGN: the actor when left out); ``owner``: whose alerts a HAND_OVER hands over.
    ``stage``, ``attended``: of the agency's clock. ``step``: ``<protocol>/<step>``. ``place``, ``type``, ``text``,
    ``drill``: of an incident opened by hand; a silent type takes a district only, and no text. ``line``: taken as one
    of this shared line (``Alert.group``), and not when it has left it. ``rings``: this drill reaches real people.
    ``scope``: of a SILENCE; ``silence``: the one that an UNSILENCE ends.
    """

    id: str
    kind: ActionKind
    actor: str
    at_ms: int
    area: AreaId = DEFAULT_AREA
    alert_id: AlertId | None = None
    target_ids: tuple[AlertId, ...] = ()
    reason: str = ""
    disposition: Disposition | None = None
    posture: str | None = None
    until_ms: int | None = None
    proof: proof.Proof | None = None
    seen_version: int | None = None
    assignee: str | None = None
    owner: str | None = None
    agency: str | None = None
    unit: str | None = None
    stage: AgencyStage | None = None
    attended: bool | None = None
    step: str | None = None
    place: Place | None = None
    type: TypeCode | None = None
    level: Level | None = None
    text: str = ""
    drill: bool = False
    scope: SilenceScope | None = None
    silence: str | None = None
    line: str | None = None
    rings: bool = False


class Command(Struct, frozen=True, kw_only=True):
    """An idempotent request: one alert and protocol step, one ``id``. ``target``: a :class:`Target`'s text.

    ``rings``: of a drill that says so, real people hear of it.
    """

    id: str
    kind: CommandKind
    alert_id: AlertId
    area: AreaId
    target: str
    issued_ms: int
    expires_ms: int
    protocol: str
    step: str
    parameters: dict[str, Any] = {}
    drill: bool = False
    rings: bool = False

    @property
    def is_kept_quiet(self) -> bool:
        """Whether whoever obeys it only says that it did: of a drill nobody outside hears, unless the drill says so."""
        return self.drill and not self.rings and self.kind in target.HEARD


class Receipt(Struct, frozen=True, kw_only=True):
    """A device's answer to a command."""

    command_id: str
    device: str
    at_ms: int
    outcome: Literal["accepted", "done", "refused", "failed", "expired"]
    detail: str = ""


class Device(Struct, frozen=True, kw_only=True):
    """A registered source: where it is, how often it must speak, what it may be believed about.

    ``cameras``: ids of those that see it, beyond those found by distance. ``registered_people``: a known person's; with
    a ``block``, far from ``place`` the sender is away. ``route``: a vehicle's line. ``unencrypted``: it cannot.
    ``agency``: whose unit it is, a patrol car or an ambulance; None: it is no unit, and no map shows where it is.
    """

    id: str
    kind: str
    name: str = ""
    place: Place = UNKNOWN_PLACE
    area: AreaId = DEFAULT_AREA
    expected_every_s: float | None = None
    data_class: DataClass = DataClass.RESTRICTED
    siren: bool = False
    block: str | None = None
    facility: str | None = None
    route: str | None = None
    agency: str | None = None
    cameras: tuple[str, ...] = ()
    registered_people: bool = False
    unencrypted: bool = False
    enabled: bool = True
    drill: bool = False


class EventItem(Struct, frozen=True, kw_only=True, tag="event"):
    """An event, sequenced for the correlator."""

    id: str
    area: AreaId
    at_ms: int
    event: Event


class ActionItem(Struct, frozen=True, kw_only=True, tag="action"):
    """An operator's action, sequenced; ``stood``: ``partition:offset:instant`` in its own topic."""

    id: str
    area: AreaId
    at_ms: int
    action: Action
    stood: str = ""


class ReceiptItem(Struct, frozen=True, kw_only=True, tag="receipt"):
    """A command's receipt, sequenced."""

    id: str
    area: AreaId
    at_ms: int
    receipt: Receipt


class TickItem(Struct, frozen=True, kw_only=True, tag="tick"):
    """Time passing, as data: fires the timers that are due at ``at_ms``."""

    id: str
    area: AreaId
    at_ms: int


class RecallItem(Struct, frozen=True, kw_only=True, tag="recall"):
    """An alert as the store has it, for an area that lost its log and memory; ``proof``: by whom (no payload)."""

    id: str
    area: AreaId
    at_ms: int
    alert: Alert
    proof: proof.Proof | None = None


Item = EventItem | ActionItem | ReceiptItem | TickItem | RecallItem
"""One entry of the area log, the correlator's only input; ``at_ms``: the one clock reading, ``step``'s now (law 6)."""


class UpsertAlert(Struct, frozen=True, kw_only=True, tag="upsert_alert"):
    """The alert's new state: to ``cior.alerts.v1`` and to the correlator's table."""

    alert: Alert


class AppendTransition(Struct, frozen=True, kw_only=True, tag="append_transition"):
    """One line of story: to ``cior.transitions.v1``."""

    transition: Transition


class IssueCommand(Struct, frozen=True, kw_only=True, tag="issue_command"):
    """A command: to ``cior.commands.v1``."""

    command: Command


Effect = UpsertAlert | AppendTransition | UpsertSilence | IssueCommand
"""What a step asks its shell to do; data, never done by the core itself."""
