"""Shares under agreements: what another administration may see here, under which document, of what, when, until when.

An agreement is proposed by one person and approved by another, and then never changed: another scope is another
agreement. It ends at its instant or when anybody of the desk withdraws it. An organisation has one that stands, so that
each read names the one. Pure: instants and the zone are given.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from cior_core.cameras import Cameras
from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.model import Struct
from cior_core.people import Scope
from cior_core.privacy import Share

LONGEST_MS: Final = 5 * 366 * 86_400_000
"""Of an agreement: nobody may see for ever."""
_DAY_MINUTES: Final = 1_440
Minute = Annotated[int, msgspec.Meta(ge=0, le=_DAY_MINUTES)]


class AgreementState(StrEnum):
    """How an agreement stands."""

    PROPOSED = "proposed"
    COMING = "coming"
    STANDING = "standing"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Hours(Struct, frozen=True):
    """Of each civil day, minutes after midnight: from ``since`` up to ``until``; the second not after the first goes
    over midnight.
    """

    since: Minute
    until: Minute

    def has(self, minute: int) -> bool:
        """Whether a minute of the day lies in it."""
        if self.since < self.until:
            return self.since <= minute < self.until
        return minute >= self.since or minute < self.until


class Terms(Struct, frozen=True):
    """What was agreed. ``document``: the agreement's own name, as ``Convenio 12/2026``; ``agency``: the organisation,
    as grants of the role ``partner`` name it; ``purpose``: what for, in words.

    ``districts`` and ``cameras``: where; one of them fits. ``types``: of alerts, by taxonomy code; empty: any.
    ``kinds``: what is shared. ``hours``: when of a day; None: always. ``starts_ms`` is included, ``ends_ms`` not.
    """

    document: str
    agency: str
    purpose: str
    kinds: frozenset[Share]
    starts_ms: int
    ends_ms: int
    districts: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    hours: Hours | None = None

    def covers(self, span: tuple[int, int], zone: ZoneInfo) -> bool:
        """Whether footage of ``span`` (UTC ms) is shared: of the agreement's time, and of its hours. A span is shorter
        than what lies between two days' hours, or it is not looked at closely enough.
        """
        if not self.starts_ms <= span[0] < span[1] <= self.ends_ms:
            return False
        hours = self.hours
        return hours is None or all(
            hours.has(_minute(_local(at_ms, zone)))
            for at_ms in (span[0], (span[0] + span[1]) // 2, span[1] - 1)
        )


class Agreement(Struct, frozen=True):
    """Terms and who said yes to them; ids of people, UTC ms."""

    id: str
    terms: Terms
    proposed_by: str
    proposed_ms: int
    approved_by: str = ""
    approved_ms: int | None = None
    withdrawn_by: str = ""
    withdrawn_ms: int | None = None
    withdrawn_why: str = ""

    def state(self, now_ms: int) -> AgreementState:
        """How it stands then, whatever the hour of the day."""
        if self.withdrawn_ms is not None:
            return AgreementState.WITHDRAWN
        if now_ms >= self.terms.ends_ms:
            return AgreementState.EXPIRED
        if self.approved_ms is None:
            return AgreementState.PROPOSED
        return AgreementState.STANDING if now_ms >= self.terms.starts_ms else AgreementState.COMING

    def is_open(self, now_ms: int, zone: ZoneInfo) -> bool:
        """Whether something may be seen under it at this instant."""
        hours = self.terms.hours
        return self.state(now_ms) is AgreementState.STANDING and (
            hours is None or hours.has(_minute(_local(now_ms, zone)))
        )

    def closes_ms(self, now_ms: int, zone: ZoneInfo) -> int:
        """When what is open now ends: with its hours of today, or for good."""
        hours = self.terms.hours
        if hours is None:
            return self.terms.ends_ms
        local = _local(now_ms, zone)
        day = local.date() if hours.until > _minute(local) else local.date() + timedelta(days=1)
        ends = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=hours.until)
        return min(self.terms.ends_ms, round(ends.timestamp() * 1000))


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone)


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute


def propose(proposed: Agreement, cameras: Cameras) -> Agreement:
    """It waits for another person. Raises ``PayloadRejected`` (``agreement.*``) for what could not be kept."""
    terms = proposed.terms
    _check(bool(terms.kinds), "agreement.nothing", "it shares nothing")
    _check(bool(terms.districts or terms.cameras), "agreement.nowhere", "it names no district and no camera")
    unknown = sorted(set(terms.cameras) - set(cameras))
    _check(not unknown, "agreement.camera_unknown", f"there is no camera {', '.join(unknown)}")
    lost = [each for each in terms.cameras if not cameras[each].district]
    _check(not lost, "agreement.no_district", f"nobody wrote down the district of {', '.join(lost)}")
    is_in_time = max(terms.starts_ms, proposed.proposed_ms) < terms.ends_ms <= terms.starts_ms + LONGEST_MS
    _check(
        is_in_time, "agreement.interval", "it ends before it begins, is over, or lasts more than five years"
    )
    _check(
        terms.hours is None or terms.hours.since != terms.hours.until, "agreement.hours", "its hours are none"
    )
    return proposed


def _check(is_fine: bool, code: str, sentence: str) -> None:  # noqa: FBT001 - asserts
    if not is_fine:
        raise PayloadRejected(code, sentence, cure="write it again")


def approve(agreement: Agreement, others: Iterable[Agreement], *, by: str, now_ms: int) -> Agreement:
    """It stands from its beginning on. ``others``: all that there are.

    Raises ``AccessDenied`` (``agreement.two_persons``) and ``PayloadRejected`` (``agreement.not_now``; ``.overlaps``
    while the organisation has another one then).
    """
    if agreement.state(now_ms) is not AgreementState.PROPOSED:
        raise PayloadRejected("agreement.not_now", "it does not wait for an approval", cure="load again")
    if by == agreement.proposed_by:
        raise AccessDenied(
            "agreement.two_persons",
            "who proposed it does not approve it",
            cure="have another person look at it",
        )
    if any(_meet(agreement, each, now_ms) for each in others):
        raise PayloadRejected(
            "agreement.overlaps",
            "the organisation has another agreement then",
            cure="withdraw that one first",
        )
    return replace(agreement, approved_by=by, approved_ms=now_ms)


def _meet(one: Agreement, other: Agreement, now_ms: int) -> bool:
    lasts = {AgreementState.COMING, AgreementState.STANDING}
    return (
        one.id != other.id
        and one.terms.agency == other.terms.agency
        and other.state(now_ms) in lasts
        and one.terms.starts_ms < other.terms.ends_ms
        and other.terms.starts_ms < one.terms.ends_ms
    )


def withdraw(agreement: Agreement, *, by: str, why: str, now_ms: int) -> Agreement:
    """It is over from now on, or never begins; one person is enough. Raises ``PayloadRejected`` (``agreement.not_now``)
    for one that is over.
    """
    if agreement.state(now_ms) in {AgreementState.WITHDRAWN, AgreementState.EXPIRED}:
        raise PayloadRejected("agreement.not_now", "it is over already", cure="load again")
    return replace(agreement, withdrawn_by=by, withdrawn_ms=now_ms, withdrawn_why=why)


def open_for(
    agreements: Iterable[Agreement], agencies: Iterable[str], *, now_ms: int, zone: ZoneInfo
) -> Agreement | None:
    """The one under which an organisation may see something now."""
    mine = frozenset(agencies)
    found = (each for each in agreements if each.terms.agency in mine and each.is_open(now_ms, zone))
    return min(found, key=lambda each: each.id, default=None)


def scope_of(terms: Terms, cameras: Cameras) -> Scope | None:
    """What a catalogue has of it, as the scope that narrows pages and questions: the cameras that it names or whose
    district it names, and their districts. None: nothing at all, which no scope could say.
    """
    named = {each for each in terms.cameras if each in cameras and cameras[each].district}
    mine = named | {each.id for each in cameras.values() if each.district in terms.districts}
    districts = {*terms.districts, *(cameras[each].district or "" for each in named)}
    if not districts:
        return None
    return Scope(districts=tuple(sorted(districts)), cameras=tuple(sorted(mine)))
