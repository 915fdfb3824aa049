"""What questions answer: frozen structs. Instants are UTC milliseconds, shares are 0 to 1, absent facts are None."""

from __future__ import annotations

from typing import Protocol

from cior_core.model import Struct


class AlertRow(Struct, frozen=True):
    """An alert's present state for lists and maps; a silent one has no coordinates.

    ``line``: that it shares with others, empty for one of its own; ``silence_hid``: what came while it is muted.
    """

    alert_id: str
    version: int
    area: str
    type: str
    level: str
    score: int
    status: str
    opened_ms: int
    updated_ms: int
    lat: float | None = None
    lon: float | None = None
    district: str = ""
    life_safety: bool = False
    silent: bool = False
    degraded: bool = False
    drill: bool = False
    suppressed: bool = False
    assignee: str = ""
    members: int = 0
    sources: tuple[str, ...] = ()
    reason_codes: tuple[str, ...] = ()
    reason_points: tuple[int, ...] = ()
    reasons_es: tuple[str, ...] = ()
    reasons_en: tuple[str, ...] = ()
    line: str = ""
    silence_hid: int = 0


class StoryLine(Struct, frozen=True):
    """One transition of an alert."""

    transition_id: str
    version: int
    at_ms: int
    kind: str
    actor: str
    level: str
    status: str
    detail_es: str = ""
    detail_en: str = ""
    reason_codes: tuple[str, ...] = ()
    item_id: str = ""


class ToldRow(Struct, frozen=True):
    """One command of an alert and the last receipt of it; ``outcome`` empty while nothing came back."""

    command_id: str
    kind: str
    target: str
    step: str
    issued_ms: int
    outcome: str = ""
    answered_ms: int | None = None
    detail: str = ""


class CameraWord(Struct, frozen=True):
    """What is known of a camera's pictures now. ``state``: :meth:`cior_core.cameras.CameraState.of_state`."""

    camera: str
    state: int
    reason: str
    since_ms: int | None
    last_word_ms: int | None
    drill: bool


class UnitRow(Struct, frozen=True):
    """Where a unit of an agency said last that it is: degrees, and when; older than ``fresh_s`` it may be anywhere."""

    unit: str
    name: str
    agency: str
    kind: str
    fresh_s: float
    lat: float
    lon: float
    district: str
    seen_ms: int
    drill: bool


class EventRow(Struct, frozen=True):
    """One event; ``body`` is its exact CloudEvents JSON as it travelled."""

    event_id: str
    source: str
    type: str
    subject: str
    occurred_ms: int
    received_ms: int
    stored_ms: int
    raw_id: str
    data_class: str
    drill: bool
    body: bytes


class RawRow(Struct, frozen=True):
    """A raw record's evidence: exact bytes with the digest they arrived with. Of several different records under one
    id it is the one that was stored first, and ``others`` says how many came after it.
    """

    raw_id: str
    source: str
    received_ms: int
    sha256: str
    content_type: str
    others: int
    payload: bytes


class AlertOpened(Struct, frozen=True):
    """An alert of an interval and the events it holds; ``reserved``: whose members are not for here."""

    alert_id: str
    reserved: bool
    member_ids: tuple[str, ...] = ()


class CameraSaid(Struct, frozen=True):
    """What was said of a camera's health, and when that was received."""

    camera: str
    at_ms: int
    state: str
    reason: str


class ReadRow(Struct, frozen=True):
    """One act or read of the ledger's copy."""

    at_ms: int
    actor: str
    role: str
    act: str
    subject: str
    purpose: str


class MinuteCount(Struct, frozen=True):
    """Events of one minute of receipt."""

    minute_ms: int
    source: str
    type: str
    events: int


class DeadRow(Struct, frozen=True):
    """A dead letter without its bytes."""

    dead_id: str
    at_ms: int
    stage: str
    code: str
    reason: str
    source: str
    payload_bytes: int
    payload_sha256: str
    life_safety: bool
    data_class: str
    raw_id: str = ""


class LatencyRow(Struct, frozen=True):
    """P1 delays in milliseconds over ``alerts`` alerts: receipt to decision, and receipt to standing in the store."""

    alerts: int
    decide_p50_ms: float
    decide_p95_ms: float
    decide_p99_ms: float
    visible_p50_ms: float
    visible_p95_ms: float
    visible_p99_ms: float


class LedgerThere(Struct, frozen=True):
    """``entries``: numbers of the asked stretch that stand in the ledger's copy; ``highest``: the highest of all."""

    entries: int
    highest: int


class FalseAlarmRow(Struct, frozen=True):
    """The false-alarm ledger of a source and type; Wilson's 95 % interval (1927) of false or unfounded among judged."""

    source: str
    type: str
    closed_alerts: int
    judged: int
    confirmed: int
    false_alarms: int
    unfounded: int
    false_share: float | None = None
    false_share_low: float | None = None
    false_share_high: float | None = None


class BalanceRow(Struct, frozen=True):
    """One connector instance's minute. ``accepted`` is its own claim, None when it made none; not ``exact``: the
    claim's window straddles minutes, so that only sums over many minutes can be compared with ``raw_stored``.
    ``conflicts``: ids of raw records under which a second, different record stands.
    """

    minute_ms: int
    connector: str
    instance: str
    accepted: int | None
    raw_stored: int
    outcomes_declared: int
    events_stored: int
    dead_stored: int
    exact: bool = True
    conflicts: int = 0

    @property
    def missing_raw(self) -> int:
        """Accepted but not stored (negative: more stored than claimed); 0 without a claim for exactly this minute."""
        return self.accepted - self.raw_stored if self.accepted is not None and self.exact else 0

    @property
    def missing_outcomes(self) -> int:
        """Declared by raw records but neither an event nor a dead letter here."""
        return self.outcomes_declared - self.events_stored - self.dead_stored


class BlindSpot(Struct, frozen=True):
    """A device or source that last said, or was last found, silent, degraded or down; or how many reserved ones of a
    district did (``reserved``: no name, state or instant, ``devices`` of them).
    """

    subject: str
    source: str
    connector: str
    health: str
    since_ms: int | None
    district: str = ""
    lat: float | None = None
    lon: float | None = None
    detail: str = ""
    drill: bool = False
    reserved: bool = False
    devices: int = 1


class DeadCount(Struct, frozen=True):
    """Dead letters of one code."""

    code: str
    count: int


class SourceCount(Struct, frozen=True):
    """Signals of one source: raw records, what they became, and how many were drills."""

    source: str
    signals: int
    events: int
    dead: int
    drills: int
    last_ms: int


class LevelCount(Struct, frozen=True):
    """Alerts of one level with the reasons that most often led there."""

    level: str
    alerts: int
    open: int
    reasons: tuple[tuple[str, int], ...] = ()


class DeviceRow(Struct, frozen=True):
    """A device's last state."""

    device: str
    source: str
    connector: str
    type: str
    phase: str
    occurred_ms: int
    received_ms: int
    clock: str
    lat: float | None = None
    lon: float | None = None
    district: str = ""
    drill: bool = False


class CommandRow(Struct, frozen=True):
    """A command with its last receipt, if any."""

    command_id: str
    kind: str
    alert_id: str
    target: str
    issued_ms: int
    expires_ms: int
    drill: bool
    outcome: str = ""


class OperatorAnswers(Protocol):
    """The present of the alerts."""

    def open_alerts(
        self, *, level: str | None = None, district: str | None = None, drills: bool = True, limit: int = 500
    ) -> tuple[AlertRow, ...]:
        """Alerts neither closed nor merged, most urgent first."""
        ...

    def alert_story(self, alert_id: str) -> tuple[StoryLine, ...]:
        """Every transition of one alert."""
        ...


class AccountingAnswers(Protocol):
    """Accepted against stored, and what could not be read."""

    def dead_letters(self, *, since_ms: int, until_ms: int, limit: int = 500) -> tuple[DeadRow, ...]:
        """Dead letters, newest first."""
        ...

    def reconciliation(self, *, since_ms: int, until_ms: int) -> tuple[BalanceRow, ...]:
        """Accepted against stored, by minute."""
        ...


class SupervisorAnswers(Protocol):
    """Statistics."""

    def events_by_minute(
        self, *, since_ms: int, until_ms: int, source: str | None = None
    ) -> tuple[MinuteCount, ...]:
        """Events a minute, drills left out."""
        ...


class EvidenceAnswers(Protocol):
    """Exact records."""

    def event(self, event_id: str) -> EventRow | None:
        """One event."""
        ...

    def raw(self, raw_id: str) -> RawRow | None:
        """One raw record."""
        ...


class Answers(OperatorAnswers, AccountingAnswers, SupervisorAnswers, EvidenceAnswers, Protocol):
    """The questions that every store answers alike: the contract of ClickHouse, chDB and the in-memory twin."""
