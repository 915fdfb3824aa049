"""A jurisdiction as data: who may ask, on what basis, by when, and what is said when the answer is no. Pure.

No law, authority, number of days or sentence stands in code: a province adds a file, and its lawyers own it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, tzinfo
from enum import StrEnum
from typing import Annotated

import msgspec

from cior_core import bundled
from cior_core.canonical import canonical
from cior_core.duty import Day
from cior_core.errors import PayloadRejected
from cior_core.footage import GapCause
from cior_core.integrity import digest
from cior_core.model import Struct
from cior_core.privacy import LegalBasis
from cior_core.requests import AuthorityKind
from cior_core.strict_toml import ConfigFault, locate, parse

_Days = Annotated[int, msgspec.Meta(ge=1, le=3_650)]


class Proceeding(StrEnum):
    """What kind of case a request belongs to."""

    CRIMINAL = "criminal"
    CONTRAVENTION = "contravention"
    CIVIL = "civil"
    OTHER = "other"


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: unknown keys are refused."""


class Said(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sentence of the answer, with the article that it stands on (empty: none was found, and none is cited) and what
    whoever reads it can do next.
    """

    es: str
    en: str
    article: str = ""
    cure_es: str = ""
    cure_en: str = ""


class Authority(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asks. ``refusal``: the code of the sentence for who has no standing; None: they may ask. ``offices``: names
    of institutions that may be published.
    """

    es: str
    en: str
    kind: AuthorityKind
    refusal: str | None = None
    offices: frozenset[str] = frozenset()


class Off(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A holiday, or a recess: from ``since`` to ``until`` (both included; None: that day alone). ``source``: the law or
    the court's decision by which it does not count.
    """

    since: date
    es: str
    source: str
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Whether ``day`` lies in it."""
        return self.since <= day <= (self.until or self.since)


class Lack(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the calendar does not know, and whoever installs it must find out."""

    es: str
    en: str


class Calendar(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days count: of the week, less ``off`` and ``holidays`` (dates of the centre's own list). ``lacks``: what is
    in neither yet.
    """

    weekdays: frozenset[Day]
    article: str = ""
    holidays: frozenset[date] = frozenset()
    off: tuple[Off, ...] = ()
    lacks: tuple[Lack, ...] = ()


class Deadline(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer is due ``days`` days of ``calendar`` after the day of receipt, at its end."""

    calendar: str
    days: _Days


class Deadlines(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``investigation``: the preparatory investigation (IPP); ``other``: everything else."""

    investigation: Deadline
    other: Deadline


class Kept(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long footage is kept when nothing holds it: of several rows the longest wins."""

    calendar: str
    days: _Days


class Preservation(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hold without an order: lapses after ``days`` unless it is renewed or the order comes."""

    article: str
    days: _Days
    renewable: bool


class Limits(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The centre's own choices. ``after_end_days``: how long holds stand after a refusal or the closing;
    ``notice_days``: how long before a hold or retention ends people are told, ``deadline_notice_days``: a deadline.
    """

    longest_interval_days: _Days
    notice_days: _Days
    after_end_days: _Days
    deadline_notice_days: _Days = 1


class Basis(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The law by which footage is asked for."""

    article: str
    es: str
    en: str
    proceedings: frozenset[Proceeding]
    orders: frozenset[LegalBasis]
    sealed_orders: frozenset[LegalBasis]


class Jurisdiction(_Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. ``zone``: the IANA name of its civil time. ``fee``: what an answer costs, in words."""

    id: str
    name: str
    zone: str
    basis: Basis
    fee: Said
    deadlines: Deadlines
    preservation: Preservation
    limits: Limits
    authority: Mapping[str, Authority]
    calendar: Mapping[str, Calendar]
    kept: tuple[Kept, ...]
    refusal: Mapping[str, Said]
    observation: Mapping[str, Said]
    negative: Mapping[str, Said]
    gap: Mapping[str, Said]

    @staticmethod
    def load(text: str, *, file: str) -> Jurisdiction:
        """Read and check one. Raises ``ConfigInvalid`` (``config.*``, ``jurisdiction.*``)."""
        found = parse(text, Jurisdiction, file=file, strict=False)
        named = {found.deadlines.investigation.calendar, found.deadlines.other.calendar}
        for name in sorted(named.union(each.calendar for each in found.kept)):
            if name not in found.calendar or not found.calendar[name].weekdays:
                raise _fault("calendar", name, text, file)
        for calendar in found.calendar.values():
            for each in calendar.off:
                if each.until is not None and each.until < each.since:
                    raise _backwards(each, text, file)
        for authority in found.authority.values():
            if authority.refusal is not None and authority.refusal not in found.refusal:
                raise _fault("refusal", authority.refusal, text, file)
        for kind, table, wanted in _needed(found):
            for code in sorted(wanted - table.keys()):
                raise _fault(kind, code, text, file)
        return found


OBSERVED = frozenset(
    {
        "no_zone", "ambiguous", "skipped", "no_such_day", "unreadable", "reversed", "future", "too_long",
        "camera_unknown", "authority_unknown", "question",
    }
)  # fmt: skip
"""Every reason for which the step itself asks back."""
REFUSED = frozenset({"no_standing", "proceeding", "order"})
"""Every reason for which the step itself refuses."""
GAP_OF: Mapping[GapCause, str] = {
    GapCause.CAMERA_AWAY: "camera_down", GapCause.RECONNECT: "reconnect", GapCause.RESTART: "restart",
    GapCause.DISK_FULL: "disk", GapCause.CLOCK_STEP: "clock_step", GapCause.DAMAGED: "damaged",
    GapCause.EXPIRED: "expired", GapCause.LOST: "lost", GapCause.UNKNOWN: "unknown",
}  # fmt: skip
"""By which of the jurisdiction's codes a gap of the recorder is told."""


def _needed(found: Jurisdiction) -> tuple[tuple[str, Mapping[str, Said], frozenset[str]], ...]:
    return (
        ("observation", found.observation, OBSERVED),
        ("refusal", found.refusal, REFUSED),
        ("gap", found.gap, frozenset(GAP_OF.values())),
    )


def _fault(kind: str, name: str, text: str, file: str) -> ConfigFault:
    return ConfigFault(
        f"jurisdiction.{kind}",
        f"there is no [{kind}.{name}], or it names no day",
        file=file,
        line=locate(text, (kind,)),
        cure=f"add [{kind}.{name}] or name one that is there",
    )


def _backwards(off: Off, text: str, file: str) -> ConfigFault:
    return ConfigFault(
        "jurisdiction.off",
        f"what begins on {off.since} ends before that, on {off.until}",
        file=file,
        line=locate(text, ("calendar",)),
        cure="give since and until in order; both days are included",
    )


class Rules(Struct, frozen=True):
    """What a step needs besides the act. ``zone``: the civil time, made by the edge of ``jurisdiction.zone``."""

    jurisdiction: Jurisdiction
    zone: tzinfo

    @property
    def version(self) -> str:
        """Digest of the data: an act names it, so that a replay knows whether it has the same rules."""
        return digest(canonical(_plain(self.jurisdiction)))[:16]

    def refusal(self, code: str) -> Said:
        """Raises ``PayloadRejected`` (``request.no_code``): there is no refusal without its sentence and cure."""
        return _of(self.jurisdiction.refusal, code)

    def negative(self, code: str) -> Said:
        """Raises ``PayloadRejected`` (``request.no_code``)."""
        return _of(self.jurisdiction.negative, code)

    def gap(self, code: str) -> Said:
        """Raises ``PayloadRejected`` (``request.no_code``)."""
        return _of(self.jurisdiction.gap, code)


def _of(table: Mapping[str, Said], code: str) -> Said:
    if code not in table:
        raise PayloadRejected(
            "request.no_code", "this reason is not in the jurisdiction's list", cure="use one of its codes"
        )
    return table[code]


def _plain(jurisdiction: Jurisdiction) -> object:
    return msgspec.to_builtins(jurisdiction, order="sorted")


def bundled_jurisdiction(name: str) -> Jurisdiction:
    """One that comes with the program. Raises ``ConfigInvalid`` (``bundled.missing``, ``jurisdiction.*``)."""
    file = f"jurisdictions/{name}.toml"
    return Jurisdiction.load(bundled.text(file), file=file)
