"""The one catalogue of record kinds: what each is, how it is written, where it travels, by which key, and where it is
stored.

Bus, store, schemas and documents read it. A new kind is an entry here, its struct, the migration of its table and its
test (docs/architecture.md, "A developer adds a record kind"). Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from types import GenericAlias
from typing import Any, Final, get_args

import msgspec

from cior_core import cloudevents
from cior_core.duty import PublishedDuty
from cior_core.errors import PayloadRejected
from cior_core.ledger_copy import LedgerCopy
from cior_core.model import (
    Action,
    Alert,
    Command,
    DataClass,
    DeadLetter,
    Event,
    Item,
    Lane,
    RawRecord,
    Receipt,
    Silence,
    Struct,
    Transition,
)
from cior_core.people import REGISTER_CHAIN
from cior_core.requests import RequestState

DAY_S: Final = 86_400


class Kind(StrEnum):
    """What a message carries.

    ``SEALED`` is a raw record of the sealed channel: the same struct, with its own topic and database. ``WAITING`` is
    an item that may wait: the same struct, before it is let into the area log.
    """

    RAW = "raw"
    SEALED = "sealed"
    EVENT = "event"
    ITEM = "item"
    WAITING = "waiting"
    ALERT = "alert"
    TRANSITION = "transition"
    SILENCE = "silence"
    DUTY = "duty"
    ACTION = "action"
    COMMAND = "command"
    RECEIPT = "receipt"
    REQUEST = "request"
    LEDGER = "ledger"
    DEAD = "dead"


class TopicSpec(Struct, frozen=True, kw_only=True):
    """One topic. ``retention_s`` None with ``compacted``: kept for ever by key. ``key`` and ``value`` are for people.

    ``partitions`` is the default; a centre may raise it once, for all topics that share a stream table at the same
    time.
    """

    name: str
    key: str
    value: str
    partitions: int = 4
    retention_s: int | None
    compacted: bool = False
    purpose: str
    max_message_bytes: int = 1_048_576


class Codec(Struct, frozen=True, kw_only=True):
    """How one record becomes bytes and back; ``wire`` is the type whose JSON that is.

    Both raise; ``cior_core.codec`` names the errors.
    """

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    wire: Any
    decode_many: Callable[[bytes], list[Any]] | None = None


def _json_codec(record: Any) -> Codec:
    """Plain JSON of a struct or union of structs; ``bytes`` fields travel as base64 text (RFC 4648 §4)."""
    return Codec(
        encode=msgspec.json.Encoder().encode,
        decode=msgspec.json.Decoder(record).decode,
        decode_many=msgspec.json.Decoder(GenericAlias(list, record)).decode,
        wire=record,
    )


def _signed(action: Action) -> bytes:
    """Nobody acts without a name (law 13): what has no proof has no wire form."""
    if action.proof is None:
        raise PayloadRejected("action.unsigned", "an action without a signature", cure="sign it")
    return msgspec.json.encode(action)


_CLOUDEVENTS: Final = Codec(
    encode=cloudevents.encode,
    decode=cloudevents.decode,
    decode_many=cloudevents.decode_many,
    wire=cloudevents.WireEvent,
)


def _urgent(_record: Any) -> Lane:
    return Lane.URGENT


class RecordKind(Struct, frozen=True, kw_only=True):
    """One kind of record: everything that bus, store and documents must know about it.

    * ``topics``: one, or one a lane; a further one of commands is named by its sender.
    * ``key``: what keeps the order of its messages; None: the sender must say it.
    * ``bucket``: whose device bucket keys it when it may share an envelope; None: it always travels alone.
    * ``lane``: how urgent it is, hence its topic and what becomes of it when room is short; None: as urgent as what it
      travels with.
    * ``sealed_as``: the kind it is when it is marked as sealed.
    * ``table``: where its rows go; empty: it is not stored.
    * ``headers``: fields that are repeated as message headers.
    * ``instant``: its message's time (UTC ms), however often and whenever it is sent; None: that of its sending.
    """

    kind: Kind
    record: Any
    codec: Codec
    topics: tuple[TopicSpec, ...]
    key: Callable[[Any], str] | None
    bucket: Callable[[Any], str] | None = None
    lane: Callable[[Any], Lane] | None = _urgent
    sealed_as: Kind | None = None
    table: str = ""
    headers: tuple[str, ...] = ()
    instant: Callable[[Any], int] | None = None
    schema: str = ""

    @property
    def schema_name(self) -> str:
        """Name of the document that describes its wire form."""
        return self.schema or self.kind.value


_RAW: Final = _json_codec(RawRecord)

ENTRIES: Final = (
    RecordKind(
        kind=Kind.RAW,
        record=RawRecord,
        codec=_RAW,
        topics=(
            TopicSpec(
                name="cior.raw.v1",
                key="source",
                value="RawRecord or envelope",
                retention_s=7 * DAY_S,
                purpose="bytes as received; evidence and replay source",
                max_message_bytes=2_097_152,
            ),
        ),
        key=lambda raw: raw.source,
        bucket=lambda raw: raw.subject or raw.source,
        lane=None,
        sealed_as=Kind.SEALED,
        table="ops.raw",
    ),
    RecordKind(
        kind=Kind.SEALED,
        record=RawRecord,
        codec=_RAW,
        topics=(
            TopicSpec(
                name="cior.sealed.v1",
                key="pseudonym",
                value="RawRecord (sealed box)",
                retention_s=30 * DAY_S,
                purpose="identity and exact place of sealed events, readable by the response team only",
                max_message_bytes=2_097_152,
            ),
        ),
        key=lambda raw: raw.subject,
        lane=None,
        table="sealed.raw",
        schema="raw",
    ),
    RecordKind(
        kind=Kind.EVENT,
        record=Event,
        codec=_CLOUDEVENTS,
        topics=(
            TopicSpec(
                name="cior.events.urgent.v1",
                key="subject",
                value="Event (CloudEvents JSON), one a message",
                retention_s=7 * DAY_S,
                purpose="presses, alarms, 911, confirmed vision incidents",
            ),
            TopicSpec(
                name="cior.events.v1",
                key="device bucket",
                value="envelope of Events",
                retention_s=7 * DAY_S,
                purpose="events that may wait a second",
            ),
            TopicSpec(
                name="cior.telemetry.v1",
                key="device bucket",
                value="envelope of Events",
                retention_s=2 * DAY_S,
                purpose="positions, heartbeats, health, accounting",
            ),
        ),
        key=lambda event: event.subject,
        bucket=lambda event: event.subject,
        lane=lambda event: event.lane,
        table="ops.events",
    ),
    RecordKind(
        kind=Kind.ITEM,
        record=Item,
        codec=_json_codec(Item),
        topics=(
            TopicSpec(
                name="cior.area.v1",
                key="area",
                value="Item, or an envelope of items that were let in together",
                retention_s=30 * DAY_S,
                purpose="the correlator's only input, in order: events, actions, receipts, ticks; "
                "replaying it replays the city",
            ),
        ),
        key=lambda item: item.area,
    ),
    RecordKind(
        kind=Kind.WAITING,
        record=Item,
        codec=_json_codec(Item),
        topics=(
            TopicSpec(
                name="cior.area.waiting.v1",
                key="area",
                value="Item or envelope",
                retention_s=7 * DAY_S,
                purpose="what may wait before the area log: nothing of it is life-safety of a single sender; "
                "it is let in at a pace, so that a press never finds more than a few before it",
                max_message_bytes=2_097_152,
            ),
        ),
        key=lambda item: item.area,
        lane=lambda _item: Lane.NORMAL,
        schema="item",
    ),
    RecordKind(
        kind=Kind.ALERT,
        record=Alert,
        codec=_json_codec(Alert),
        topics=(
            TopicSpec(
                name="cior.alerts.v1",
                key="alert id",
                value="Alert",
                retention_s=None,
                compacted=True,
                purpose="current state of every alert",
            ),
        ),
        key=lambda alert: alert.id,
        table="ops.alert_current",
    ),
    RecordKind(
        kind=Kind.TRANSITION,
        record=Transition,
        codec=_json_codec(Transition),
        topics=(
            TopicSpec(
                name="cior.transitions.v1",
                key="alert id",
                value="Transition",
                retention_s=30 * DAY_S,
                purpose="append-only story of every alert, with reasons",
            ),
        ),
        key=lambda transition: transition.alert_id,
        table="ops.alert_log",
    ),
    RecordKind(
        kind=Kind.SILENCE,
        record=Silence,
        codec=_json_codec(Silence),
        topics=(
            TopicSpec(
                name="cior.silences.v1",
                key="silence id",
                value="Silence",
                partitions=1,
                retention_s=None,
                compacted=True,
                purpose="every maintenance silence as it stands: who, why, of what, until when, and what it hid",
            ),
        ),
        key=lambda silence: silence.id,
        lane=lambda _silence: Lane.NORMAL,
        table="ops.silences",
    ),
    RecordKind(
        kind=Kind.DUTY,
        record=PublishedDuty,
        codec=_json_codec(PublishedDuty),
        topics=(
            TopicSpec(
                name="cior.duty.v1",
                key="area",
                value="PublishedDuty",
                partitions=1,
                retention_s=None,
                compacted=True,
                purpose="who is on duty when, by login, as the register keeps it; no name, number or address",
            ),
        ),
        key=lambda duty: duty.area,
        lane=lambda _duty: Lane.NORMAL,
    ),
    RecordKind(
        kind=Kind.ACTION,
        record=Action,
        codec=msgspec.structs.replace(_json_codec(Action), encode=_signed),
        topics=(
            TopicSpec(
                name="cior.actions.v1",
                key="area",
                value="Action with its proof",
                retention_s=30 * DAY_S,
                purpose="operators' decisions, each signed by the part that took it",
            ),
        ),
        key=lambda action: action.area,
        table="ops.actions",
        instant=lambda action: action.at_ms,  # so that one sent again is told from one told again (law 13)
    ),
    RecordKind(
        kind=Kind.COMMAND,
        record=Command,
        codec=_json_codec(Command),
        topics=(
            TopicSpec(
                name="cior.commands.v1",
                key="target",
                value="Command",
                retention_s=2 * DAY_S,
                purpose="idempotent requests to sirens, cameras and services",
            ),
            TopicSpec(
                name="cior.notices.v1",
                key="target",
                value="Command",
                retention_s=2 * DAY_S,
                purpose="what the console has told to people of judicial requests: who may write here rings telephones "
                "and nothing else",
            ),
        ),
        key=lambda command: command.target,
        table="ops.commands",
    ),
    RecordKind(
        kind=Kind.RECEIPT,
        record=Receipt,
        codec=_json_codec(Receipt),
        topics=(
            TopicSpec(
                name="cior.receipts.v1",
                key="area",
                value="Receipt",
                retention_s=7 * DAY_S,
                purpose="device answers to commands",
            ),
        ),
        key=None,  # a receipt does not hold its area: its sender has it from the command
        table="ops.receipts",
    ),
    RecordKind(
        kind=Kind.REQUEST,
        record=RequestState,
        codec=_json_codec(RequestState),
        topics=(
            TopicSpec(
                name="cior.requests.v1",
                key="request id",
                value="RequestState",
                retention_s=None,
                compacted=True,
                purpose="newest state of every judicial request, without personal data; nothing publishes it yet: "
                "the evidence room will",
            ),
        ),
        key=lambda request: request.id,
        lane=lambda _request: Lane.NORMAL,
        table="ops.requests",
    ),
    RecordKind(
        kind=Kind.LEDGER,
        record=LedgerCopy,
        codec=_json_codec(LedgerCopy),
        topics=(
            TopicSpec(
                name="cior.ledger.v1",
                key="the ledger's chain",
                value="LedgerCopy",
                partitions=1,  # one chain, one order: what stands above a hole proves that the hole was lost
                retention_s=30 * DAY_S,
                purpose="rows of the register's ledger for the copy in the store; the register is the ledger",
            ),
        ),
        key=lambda _row: REGISTER_CHAIN,
        lane=lambda _row: Lane.NORMAL,
        table="ops.ledger",
    ),
    RecordKind(
        kind=Kind.DEAD,
        record=DeadLetter,
        codec=_json_codec(DeadLetter),
        topics=(
            TopicSpec(
                name="cior.dead.v1",
                key="source",
                value="DeadLetter",
                retention_s=30 * DAY_S,
                purpose="what could not be decoded or processed, with bytes and reason",
                max_message_bytes=2_097_152,
            ),
        ),
        key=lambda letter: letter.source,
        lane=lambda letter: Lane.URGENT if letter.life_safety else Lane.NORMAL,
        table="ops.dead_letters",
        headers=("code", "stage"),
    ),
)
"""The table, in the order in which topics are created and listed."""

KINDS: Final[dict[Kind, RecordKind]] = {entry.kind: entry for entry in ENTRIES}
TOPICS: Final = tuple(topic for entry in ENTRIES for topic in entry.topics)
KIND_OF_TOPIC: Final[dict[str, Kind]] = {
    topic.name: entry.kind for entry in ENTRIES for topic in entry.topics
}
LANE_TOPIC: Final[dict[Lane, TopicSpec]] = dict(zip(Lane, KINDS[Kind.EVENT].topics, strict=True))
"""Events have a topic a lane."""

# The first entry of a struct says what it is; a later one of the same struct is reached by ``sealed_as`` only.
_BY_TYPE: Final[dict[type[Any], RecordKind]] = {
    one: entry for entry in reversed(ENTRIES) for one in get_args(entry.record) or (entry.record,)
}


def kind_of(record: Any) -> RecordKind:
    """The entry of ``record``, with the data class rule: what is marked as sealed belongs to its sealed kind.

    Raises ``KeyError``.
    """
    entry = _BY_TYPE[type(record)]
    if entry.sealed_as is not None and (record.sealed or record.data_class is DataClass.SEALED):
        return KINDS[entry.sealed_as]
    return entry
