"""The connector contract: everything an author may rely on, readable in twenty minutes.

An author writes a folder: ``manifest.toml``, ``config.py`` (one strict model), ``source.py`` (five verbs),
``decode.py`` (pure), ``samples/<case>/``, ``quality.toml``, ``README.md`` and a test file of one line; or one file with
``PAPERS`` (:mod:`cior_connectors.papers`). :mod:`cior_connectors.transports` has ready verbs. The runtime owns the
rest: back-off, connection states, spool, publishing, the order *durable first, then acknowledge* (law 1), dead letters,
sealing, limits, metrics, heartbeats, supervision.

Call order, guaranteed: ``open`` → ``receive`` iterated (``decode`` called for each item, in order, off any lock) →
``close``; after an error the runtime calls ``close``, waits, and starts again with ``open``. ``close`` is called at
least once and must be idempotent; cancelling ``receive`` must take < 2 s.

Errors an author raises (``cior_core.errors``): ``SourceUnavailable(retry_after_s)``, ``CredentialsRefused``,
``ConfigInvalid``, ``PayloadRejected(code)``. Anything else is a bug: the bytes are dead-lettered with a trace id, the
connector lives on. ``cior_connectors.decoding`` makes ids and events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Protocol, runtime_checkable

import msgspec

from cior_core.clock import NO_HISTORY, ClockHistory, ClockReading
from cior_core.duty import DutyBook
from cior_core.model import (
    Action,
    AreaId,
    Command,
    CommandKind,
    DataClass,
    Device,
    Event,
    Lane,
    Producer,
    RawId,
    Receipt,
    Target,
    TypeCode,
)


class Mode(StrEnum):
    """Who starts the talk: the device pushes over a request, we poll it, or we listen on a socket it keeps open."""

    PUSH = "push"
    POLL = "poll"
    LISTEN = "listen"


class Identity(StrEnum):
    """What makes a press *this* press (design §4.2); the conformance kit tests the one that the manifest claims.

    ``NATIVE``: the bytes carry their own key (sequence with a date, device time). Equal bytes are the same press,
    always. ``WINDOW``: a key that is reused (a 4-digit sequence). Equal bytes inside ``resend_window_s`` are one press,
    later ones another; give :attr:`Facts.first_received_ms` to ``press_key``. ``RECEIPT``: no key at all. Every receipt
    is its own event (``press_key`` of the raw id alone). Keys come from ``cior_core.identity.press_key``.
    """

    NATIVE = "native"
    WINDOW = "window"
    RECEIPT = "receipt"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``manifest.toml``. ``source`` and ``config`` are ``module:attribute`` relative to the connector's package.

    ``resources`` are exclusive things (``tcp:{host}:{port}``), templates over config fields: two instances may not
    claim the same one. ``numbered``: each message carries a number of its device's, so that one which is missing shows;
    where somebody sealed may report, no such number and no bytes of that line leave in clear (law 17). ``life_safety``
    means: presses can come this way, so it must be gold outside test mode, is never rate limited and refuses instead of
    dropping. ``peer``: what plays the far side for the kit and for ``cior connector check``; an attribute like the
    others, or one of :mod:`cior_connectors.kit.peers` by its whole name. ``command_kinds``: the commands that are for
    it (empty: all). ``repeatable``: a command that a crash interrupted is carried out again, since ``act`` knows it by
    its id; without, nobody does so twice.
    """

    name: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{1,40}$")]
    version: Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d+\.\d+$")]
    owner: str
    title: str
    protocol: str
    source: str
    config: str
    mode: Mode
    identity: Identity
    life_safety: bool
    resend_window_s: float = 600.0
    acknowledges: bool = False
    replays: bool = False
    commands: bool = False
    command_kinds: tuple[CommandKind, ...] = ()
    repeatable: bool = False
    discovers: bool = False
    heartbeats: bool = False
    numbered: bool = False
    resources: tuple[str, ...] = ()
    quality: str = "quality.toml"
    family: str = ""
    peer: str = ""


class Secret:
    """A configuration value that never shows itself: ``repr``, ``str`` and JSON give ``***``; ``reveal()`` gives the
    text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself: hand it to the protocol and nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class ConnectorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every connector's config model.

    Each field is ``Annotated[type, msgspec.Meta(description=..., examples=[...])]`` (the README table is generated from
    it); secrets are typed :class:`Secret`; cross-field rules raise ``ValueError`` in ``__post_init__``.
    """


# --- what a source hands over, and what it hears back ---


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes and their ``events`` are durable: acknowledge.

    ``believed`` False: their device must prove itself, and these bytes did not: a sign of life is not answered as good.
    ``sealed``: they are durable in a box alone; what the source still keeps of them in clear must go.
    """

    events: int = 0
    believed: bool = True
    sealed: bool = False


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes are durable, as a dead letter with this stable ``code``: tell the device what its protocol offers (DUH,
    NAK, nothing, 4xx). ``sealed``: as in :class:`Accepted`.
    """

    code: str
    sealed: bool = False


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is durable: do **not** acknowledge; let the device or its server keep the bytes and try again (no reply,
    503).
    """

    code: str


Outcome = Accepted | Rejected | Refused
Ack = Callable[[Outcome], Awaitable[None]]
"""Called exactly once for each :class:`Received`, after durability (or refusal).

May fail with ``OSError`` when the peer has gone; that is counted.
"""


class TypeFacts(Protocol):
    """The part of a taxonomy entry that decoding needs (``cior_core.taxonomy.EventType`` has it)."""

    @property
    def life_safety(self) -> bool:
        """Whether nothing may filter, delay or lower it."""

    @property
    def data_class(self) -> DataClass:
        """Default class."""

    @property
    def lane(self) -> Lane:
        """Default lane."""


class Taxonomy(Protocol):
    """Type code → facts. ``KeyError`` for a code that does not exist."""

    def __getitem__(self, code: TypeCode, /) -> TypeFacts: ...


class DecodeContext(msgspec.Struct, frozen=True, kw_only=True):
    """All that ``decode`` may know besides the bytes: frozen, built once by the runtime, the same at replay.

    ``config`` is the connector's own model. ``registry`` maps subject (the device id used in events) to its
    registration. ``zone`` is the IANA zone for local times without one. ``drill`` marks everything this instance says
    as exercise.
    """

    config: Any
    taxonomy: Taxonomy
    producer: Producer
    registry: Mapping[str, Device] = {}
    zone: str = "America/Argentina/Cordoba"
    drill: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the bytes besides the bytes.

    The **source** sets: ``source`` (stable urn of the channel, e.g. ``urn:cior:traccar:norte``; not per connection),
    ``peer`` (address, for the record), ``subject`` (device id when the transport already tells it), ``content_type``,
    ``details`` (text facts decode needs: path, file name, line number; they are stored with the raw record so that
    replay has them; nothing secret), ``sealed`` (the channel is, or these bytes), ``drill``, ``truncated_from_bytes``
    (input was longer than ``OpenContext.max_payload_bytes``; the runtime dead-letters it without decoding),
    ``authenticated`` (the channel proved its sender by a secret or a signature: also what cannot be read then has the
    spool room of presses; without it the room for what anybody can send). The
    **runtime** stamps: ``received_ms``, ``raw_id``, ``first_received_ms`` (for equal bytes received again within the
    manifest's ``resend_window_s`` the instant of the first, else ``received_ms``; a label, never a filter), ``clocks``
    (what earlier payloads told of each device's clock, by subject; stored with the raw record, the same at replay) and
    ``context``.
    """

    source: str
    peer: str = ""
    subject: str = ""
    content_type: str = "application/octet-stream"
    details: dict[str, str] = {}
    sealed: bool = False
    drill: bool = False
    truncated_from_bytes: int | None = None
    authenticated: bool = False
    received_ms: int = 0
    raw_id: RawId = RawId("")
    first_received_ms: int = 0
    clocks: Mapping[str, ClockHistory] = {}
    context: DecodeContext | None = None

    @property
    def known(self) -> DecodeContext:
        """``context``, once the runtime has stamped it. Raises ``LookupError`` before."""
        if self.context is None:
            raise LookupError("facts carry no decode context yet: the runtime stamps it before decode")
        return self.context

    def clock_of(self, subject: str) -> ClockHistory:
        """How the clock of a device went so far, for ``cior_core.clock.judge``.

        Ask only for subjects that ``Decoded.clocks`` names.
        """
        return self.clocks.get(subject, NO_HISTORY)


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One payload as the source framed it: the exact bytes, their facts, and how to answer."""

    payload: bytes
    facts: Facts
    ack: Ack


class RejectedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a payload that cannot be decoded while its siblings can (one row of a file): becomes its own dead
    letter.
    """

    code: str
    reason: str
    payload: bytes


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What the bytes say. No events and no rejects is legal only for pure link traffic (a ping).

    ``clocks``: what they tell of their devices' clocks, whether it was believed or not. ``believed`` False: their
    device must prove itself, and they did not (:class:`Accepted`).
    """

    events: tuple[Event, ...] = ()
    rejected: tuple[RejectedPart, ...] = ()
    clocks: tuple[ClockReading, ...] = ()
    believed: bool = True


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """Result of imitating real work against the far side: ``ok`` and one sentence for the operator, without secrets.

    ``tried`` False: nothing is wrong as far as could be seen, but there was nothing to work on.
    """

    ok: bool
    detail: str
    tried: bool = True


class OpenContext(Protocol):
    """What the runtime lends to a source while it is open."""

    @property
    def instance(self) -> str:
        """Name of this instance, unique in the centre."""

    @property
    def state_dir(self) -> Path:
        """Durable folder of this instance alone (checkpoints).

        Write it only from ``ack``: a mark ahead of durability loses data.
        """

    @property
    def max_payload_bytes(self) -> int:
        """Read at most this much of one payload, then drain, keep the head and set ``Facts.truncated_from_bytes``."""

    def now_ms(self) -> int:
        """The edge's one clock (law 6)."""

    def keyed(self, *words: str) -> str:
        """A digest of identifying words with the centre's key, for marks and names of files (law 17)."""

    def keyed_before(self, *words: str) -> tuple[str, ...]:
        """The digests of the same words by the centre's keys before this one, newest first; none without a rotation.

        A mark of before a rotation is found under one of these.
        """

    def degraded(self, reason: str, /) -> None:
        """Working, but not well (one of two lines down). Log-once and the health event are the runtime's."""

    def recovered(self) -> None:
        """Well again after :meth:`degraded`."""


@runtime_checkable
class ActingContext(OpenContext, Protocol):
    """What the runtime lends besides to a source that is commanded and that people answer through."""

    @property
    def duty(self) -> DutyBook | None:
        """Who is on duty when, as the register keeps it and the console told last; None: nobody told it."""

    async def answer(self, receipt: Receipt, /, *, area: AreaId) -> None:
        """A further answer to a command whose ``act`` said ``accepted``; durable on return.

        Raises ``SourceUnavailable`` when nobody can take it: say the very same again later.
        """

    async def decide(self, action: Action, /) -> None:
        """A named person's decision that came in here, signed in this connector's name (law 13); durable on return.

        Raises ``AccessDenied`` (``connector.signs_nothing``), ``ConfigInvalid``, ``SourceUnavailable``.
        """


class Source(Protocol):
    """The five verbs. Constructed as ``SourceClass(config)``: cheap, no I/O, may raise ``ConfigInvalid``."""

    async def open(self, ctx: OpenContext) -> None:
        """Bind or connect. Raises ``SourceUnavailable``, ``CredentialsRefused`` or ``ConfigInvalid``."""

    def receive(self) -> AsyncIterator[Received]:
        """Yield payloads until the far side ends (iteration stops: the runtime reconnects) or ``SourceUnavailable``.

        Yield as soon as a payload is framed and do not wait for its ack: the runtime acks in batches and bounds how
        many are in flight by not asking for more.
        """

    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        """Bytes → events. Synchronous, pure, total: no I/O, clock, randomness or state.

        Raises ``PayloadRejected(code)`` only.
        """

    async def close(self) -> None:
        """Release everything; idempotent; also after a failed ``open``."""

    async def probe(self) -> ProbeReport:
        """Connection test with its own connection: do what real work does, not a status page."""


# --- optional capabilities: declared in the manifest, exercised by the kit ---


@runtime_checkable
class Replayable(Protocol):
    """The far side keeps history: the runtime asks for it after an outage and every ``reconcile_every_s``.

    Same facts must give the same ids.
    """

    def since(self, at_ms: int, /) -> AsyncIterator[Received]:
        """Everything the far side has from ``at_ms`` (UTC) on, finite.

        Overlap with what came live is expected and harmless.
        """


@runtime_checkable
class Commandable(Protocol):
    """Two-way devices (sirens); ``commands = true`` in the manifest.

    The runtime reads the commands and answers for it.
    """

    @property
    def targets(self) -> Collection[Target]:
        """Whom it acts for (``block:b-1``, ``device:siren-7``); looked at anew for each command."""

    async def act(self, command: Command, /) -> Receipt:
        """Carry out. Called only while the source is open; once for an id, except after ``SourceUnavailable``.

        Raise that only when *nothing was done*: the runtime asks again until the command expires. Any other error of
        ``cior_core.errors`` is a refusal; a receipt of ``refused`` or ``failed`` is an answer like every other.
        """


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a file that a mapping is tried on. ``absent``: mapped columns it does not have; None: no record."""

    payload: bytes
    facts: Facts
    absent: frozenset[str] | None = None


@runtime_checkable
class Tryable(Source, Protocol):
    """A source of files: its configuration can be tried on one (``cior connector try``)."""

    def trial(self, file: BinaryIO, /) -> Iterator[Trial]:
        """The records as real work would cut them, without their being open, a broker or anything kept."""


@runtime_checkable
class Discoverable(Protocol):
    """The far side can list its devices."""

    def devices(self) -> AsyncIterator[Device]:
        """What exists there now; finite."""


@runtime_checkable
class Heartbeating(Protocol):
    """Silence has a meaning."""

    def expected_every_s(self, subject: str, /) -> float | None:
        """Longest normal silence of a device, None when it may sleep for ever."""
