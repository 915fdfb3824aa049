"""What this connector says on the log: the beats of watchers, a watcher that is lost, and that a team cannot be told as
it should. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from cior_connectors.builtin.notify.notice import sentences
from cior_connectors.contract import Decoded, Facts
from cior_connectors.decoding import make_event
from cior_core.errors import PayloadRejected
from cior_core.model import ClockQuality, Phase
from cior_core.target import Target, TargetKind

CLOCK_WITHIN_MS = 300_000
"""How far a watcher's clock may be off; a recorded beat says nothing of now."""

_NAME = "^[a-z0-9][a-z0-9_-]{0,40}$"


class Beat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="beat"):
    """A sign of life of ``cior watch``. ``reasons``: why it rings now; empty: all is well."""

    watcher: Annotated[str, msgspec.Meta(pattern=_NAME)]
    at_ms: int
    reasons: tuple[str, ...] = ()


class Trouble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="trouble"):
    """A team that cannot be told as it should (``code``), or can again (``code`` empty)."""

    team: str
    at_ms: int
    code: str = ""


class Lost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="lost"):
    """A watcher that does not beat any more, or (``is_back``) does again."""

    watcher: Annotated[str, msgspec.Meta(pattern=_NAME)]
    at_ms: int
    is_back: bool = False


_decoder = msgspec.json.Decoder(Beat | Trouble | Lost)


def decode(raw: bytes, facts: Facts) -> Decoded:
    """The event of a beat or of our own trouble. Raises ``PayloadRejected`` (``notify.*``)."""
    try:
        told = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadRejected("notify.malformed", "neither a beat nor a trouble") from error
    if abs(told.at_ms - facts.received_ms) > CLOCK_WITHIN_MS:
        raise PayloadRejected("notify.clock", "told minutes before or after it came: nothing of now")
    if isinstance(told, Beat):
        return _beat(told, facts)
    if facts.details.get("via") != "own":  # a watcher says that it lives, and nothing about our teams
        raise PayloadRejected("notify.not_own", "a trouble that this connector did not find")
    return _lost(told, facts) if isinstance(told, Lost) else _trouble(told, facts)


def _beat(beat: Beat, facts: Facts) -> Decoded:
    event = make_event(
        facts,
        type_code="heartbeat",
        subject=subject_of(beat.watcher),
        key=f"beat:{beat.watcher}:{beat.at_ms}",
        occurred_ms=beat.at_ms,
        clock=ClockQuality.SYNCED,
        attributes={"rings": list(beat.reasons)} if beat.reasons else {},
    )
    return Decoded(events=(event,))


def _trouble(told: Trouble, facts: Facts) -> Decoded:
    began: Literal["source.degraded", "source.restored"] = (
        "source.degraded" if told.code else "source.restored"
    )
    event = make_event(
        facts,
        type_code=began,
        subject=str(Target(kind=TargetKind.TEAM, id=told.team)),
        key=f"{began}:{told.team}:{told.code}:{told.at_ms}",
        occurred_ms=told.at_ms,
        phase=Phase.NEW if told.code else Phase.RESTORE,
        clock=ClockQuality.SYNCED,
        attributes=_explained(told.code) if told.code else {},
    )
    return Decoded(events=(event,))


def _lost(told: Lost, facts: Facts) -> Decoded:
    code = "source.restored" if told.is_back else "source.silent"
    event = make_event(
        facts,
        type_code=code,
        subject=subject_of(told.watcher),
        key=f"{code}:{told.watcher}:{told.at_ms}",
        occurred_ms=told.at_ms,
        phase=Phase.RESTORE if told.is_back else Phase.NEW,
        clock=ClockQuality.SYNCED,
        attributes={} if told.is_back else _explained("notify.watcher_lost"),
    )
    return Decoded(events=(event,))


def _explained(code: str) -> dict[str, str]:
    name = f"alarm_{code.partition('.')[2]}"
    known = sentences().sentences.get(name)
    words = {"reason": known.en, "reason_es": known.es} if known is not None else {}
    return {"code": code, **words}


def subject_of(watcher: str) -> str:
    """How a watcher is called in events."""
    return f"watcher:{watcher}"
