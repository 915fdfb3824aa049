"""What can happen, as data: event types with class, family, competence, protocol and other systems' codes.

``Taxonomy.load(bundled.text("taxonomy.toml"))`` is a mapping of code to :class:`EventType`. A city adds a type by
adding a table to the file; a file that leaves a type without protocol or competence, or that contradicts itself, does
not load (S18, S26, S49 of research/mission.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, Self

import msgspec

from cior_core.model import DataClass, Lane, Level, Phase, TypeCode
from cior_core.strict_toml import ConfigFault, locate, parse

_CODE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class Alerting(StrEnum):
    """Whether a fact opens an alert by itself."""

    NEVER = "never"
    THRESHOLD = "threshold"
    ALWAYS = "always"


class Government(StrEnum):
    """The levels of government among which competence is shared."""

    MUNICIPAL = "municipal"
    PROVINCIAL = "provincial"
    FEDERAL = "federal"


class Route(StrEnum):
    """The service that answers by default.

    ``OPERATOR``: somebody looks first. ``RESPONSE_TEAM``: the sealed channel's own team.
    """

    POLICE = "police"
    FIRE = "fire"
    HEALTH = "health"
    SOCIAL = "social"
    CIVIL_PROTECTION = "civil_protection"
    MUNICIPAL_SERVICES = "municipal_services"
    RESPONSE_TEAM = "response_team"
    TECHNICAL = "technical"
    OPERATOR = "operator"
    NONE = "none"


class EventType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One type. The meaning of each field stands at the head of ``data/taxonomy.toml``; ``radius_m`` and ``window_s``
    are before widening.
    """

    code: TypeCode
    name_es: str
    name_en: str
    family: str
    level: Level
    lane: Lane
    alerting: Alerting
    protocol: str
    route: Route
    lead: Government
    supporting: tuple[Government, ...]
    radius_m: float
    window_s: float
    life_safety: bool = False
    silent: bool = False
    siren: bool = False
    unconfirmed_ceiling: Level | None = None
    connector_only: bool = False
    data_class: DataClass = DataClass.RESTRICTED
    apco: tuple[str, ...] = ()
    contact_id: tuple[str, ...] = ()
    sia: tuple[str, ...] = ()
    sia_restore: tuple[str, ...] = ()
    sia_verified: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()


class AlarmMeaning(msgspec.Struct, frozen=True, kw_only=True):
    """What a panel's code says.

    ``exact`` is false when the code stands in no table; the native code must then travel with the event. ``verified``:
    the code says that a second detector confirmed it, and the type does not say so already.
    """

    type: TypeCode
    phase: Phase
    exact: bool = True
    verified: bool = False


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    type: tuple[EventType, ...]


class Taxonomy(Mapping[str, EventType]):
    """Event types by code, in the order of the file, and the way back from the codes of panels and call centres."""

    def __init__(self, types: Iterable[EventType], *, version: int = 1) -> None:
        self.version = version
        self._types: dict[str, EventType] = {kind.code: kind for kind in types}
        self._contact_id = _inverse(self, lambda kind: kind.contact_id)
        self._sia = _inverse(self, lambda kind: kind.sia)
        self._sia_restore = _inverse(self, lambda kind: kind.sia_restore)
        self._sia_verified = _inverse(self, lambda kind: kind.sia_verified)

    @classmethod
    def load(cls, text: str, *, file: str = "taxonomy.toml") -> Self:
        """Read and check. Raises :class:`ConfigFault` with file, line, code and cure: ``config.*`` for shape (a
        missing protocol or competence is ``config.missing_key``), ``taxonomy.*`` for contradictions.
        """
        parsed = parse(text, _File, file=file)
        for code, sentence, path, cure in _faults(parsed.type):
            raise ConfigFault(code, sentence, file=file, line=locate(text, path), cure=cure)
        return cls(parsed.type, version=parsed.version)

    def __getitem__(self, code: str) -> EventType:
        return self._types[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def map_contact_id(self, qualifier: str, code: str) -> AlarmMeaning | None:
        """Meaning of a Contact ID event (SIA DC-05): ``qualifier`` 1 new or opening, 3 restore or closing, 6 still
        present; ``code`` three digits.

        A code in no table falls back to its class where the standard names one, else to ``alarm.unclassified``, which
        is life-safety while in doubt: an alarm is never lost for want of a row. None only when ``code`` is not a
        Contact ID code at all.
        """
        if not re.fullmatch(r"[0-9]{3}", code, re.ASCII):
            return None
        known = self._contact_id.get(code)
        kind = known or TypeCode(
            _CONTACT_ID_CLASS.get(code[:2]) or _CONTACT_ID_CLASS.get(code[:1], _UNCLASSIFIED)
        )
        phase = _QUALIFIER.get(qualifier)
        return AlarmMeaning(
            type=kind,
            phase=self._phase(kind, phase or Phase.NEW),
            exact=known is not None and phase is not None,
        )

    def map_sia(self, code: str) -> AlarmMeaning | None:
        """Meaning of a SIA DC-03 code of two letters, such as ``BA`` or ``FR``.

        A code in no table is ``alarm.unclassified``, whatever its letters look like: vendors give the free ones to
        alarms too (Satel, Ajax). None only when ``code`` is not two capital letters.
        """
        if not re.fullmatch(r"[A-Z]{2}", code, re.ASCII):
            return None
        if kind := self._sia.get(code):
            return AlarmMeaning(type=kind, phase=self._phase(kind, Phase.NEW))
        if kind := self._sia_restore.get(code):
            return AlarmMeaning(type=kind, phase=Phase.RESTORE)
        if kind := self._sia_verified.get(code):
            return AlarmMeaning(type=kind, phase=Phase.NEW, verified=True)
        return AlarmMeaning(type=TypeCode(_UNCLASSIFIED), phase=Phase.NEW, exact=False)

    def _phase(self, kind: TypeCode, phase: Phase) -> Phase:
        if self[kind].family == "test":
            return Phase.TEST
        return Phase.CANCEL if kind == "alarm.cancel" else phase


_QUALIFIER: Final = {"1": Phase.NEW, "3": Phase.RESTORE, "6": Phase.STILL}
_UNCLASSIFIED: Final = "alarm.unclassified"
_CONTACT_ID_CLASS: Final = {
    "10": "medical.alarm",
    "11": "fire.alarm",
    "12": "panic.alarm",
    "13": "burglary.alarm",
    "2": "device.trouble",
    "3": "device.trouble",
    "41": "device.notice",
    "42": "access.door",
    "43": "access.door",
    "4": "access.open_close",
    "5": "device.bypass",
    "60": "device.notice",
    "61": "device.notice",
    "62": "device.notice",
    "63": "device.notice",
    "65": "device.notice",
    "90": "device.notice",
    "91": "device.notice",
    "92": "device.notice",
    "95": "device.notice",
    "96": "device.notice",
}
"""SIA DC-05: the first two digits of a code name its class, the first digit the group. Classes whose meaning the
standard leaves to the installer or to nobody (14 to 16, 64, 7, 0, 8 and the rest of 6 and 9) are alarms in doubt.
"""

REQUIRED_TYPES: Final = (
    "medical.alarm",
    "fire.alarm",
    "panic.alarm",
    "burglary.alarm",
    "alarm.unclassified",
    "alarm.cancel",
    "access.open_close",
    "device.trouble",
    "device.bypass",
    "device.notice",
    "access.door",
    "device.stuck_button",
    "device.clock",
    "source.silent",
    "source.restored",
    "source.degraded",
    "source.undecoded",
    "source.conflict",
    "supervision.camera_rule",
    "accounting.gap",
    "integrity.conflict",
    "integrity.chain",
    "integrity.action",
    "position",
    "heartbeat",
    "call.other",
    "test.manual",
    "test.periodic",
)
"""Types that code names: a city's file may change everything about them except that they exist."""


def _inverse(kinds: Taxonomy, codes_of: Callable[[EventType], tuple[str, ...]]) -> dict[str, TypeCode]:
    return {native: kind.code for kind in kinds.values() for native in codes_of(kind)}


# --- checks -------------------------------------------------------------------------------------------------

_Fault = tuple[str, str, tuple[str | int, ...], str]


def _faults(kinds: tuple[EventType, ...]) -> Iterator[_Fault]:
    seen: set[str] = set()
    for n, kind in enumerate(kinds):
        at = ("type", n)
        if kind.code in seen:
            yield (
                "taxonomy.code_twice",
                f"type '{kind.code}' is defined twice",
                (*at, "code"),
                "remove one or give it another code",
            )
        seen.add(kind.code)
        yield from _shape_faults(kind, at)
        yield from _law_faults(kind, at)
    yield from _native_faults(kinds)
    for code in REQUIRED_TYPES:
        if code not in seen:
            yield (
                "taxonomy.required_type",
                f"type '{code}', which the software names, is missing",
                (),
                "put it back",
            )


def _shape_faults(kind: EventType, at: tuple[str | int, ...]) -> Iterator[_Fault]:
    if not _CODE.fullmatch(kind.code):
        yield (
            "taxonomy.code_form",
            f"'{kind.code}' is not lowercase words between dots",
            (*at, "code"),
            "use letters, digits, _ and dots",
        )
    for field in ("name_es", "name_en", "family", "protocol"):
        if not getattr(kind, field).strip():
            yield "taxonomy.empty", f"type '{kind.code}' has an empty {field}", (*at, field), f"fill {field}"
    if kind.lead in kind.supporting or len(set(kind.supporting)) != len(kind.supporting):
        yield (
            "taxonomy.competence",
            f"type '{kind.code}' names a level of government twice",
            (*at, "supporting"),
            "each level is the lead, supporting, or absent",
        )
    if kind.alerting is not Alerting.NEVER and not kind.supporting:
        yield (
            "taxonomy.competence",
            f"type '{kind.code}' alerts, but no level of government supports its lead (S18)",
            (*at, "lead"),
            "name the supporting levels",
        )
    if not (0 <= kind.radius_m <= 100_000 and 0 < kind.window_s <= 604_800):
        yield (
            "taxonomy.reach",
            f"type '{kind.code}' has a radius or window out of range",
            (*at, "radius_m"),
            "radius_m from 0 to 100000, window_s above 0 and at most a week",
        )


def _law_faults(kind: EventType, at: tuple[str | int, ...]) -> Iterator[_Fault]:
    if kind.silent and kind.siren:
        yield (
            "taxonomy.silent_and_siren",
            f"type '{kind.code}' is both silent and siren",
            (*at, "siren"),
            "remove siren: silent wins",
        )
    if kind.silent and (kind.data_class is not DataClass.SEALED or kind.route is not Route.RESPONSE_TEAM):
        yield (
            "taxonomy.silent_open",
            f"silent type '{kind.code}' is not sealed to the response team",
            (*at, "silent"),
            'set data_class = "sealed" and route = "response_team"',
        )
    if kind.data_class is DataClass.SEALED and not kind.silent:
        yield (
            "taxonomy.sealed_loud",
            f"sealed type '{kind.code}' is not silent",
            (*at, "data_class"),
            "set silent = true",
        )
    if kind.life_safety and (kind.lane is not Lane.URGENT or kind.alerting is not Alerting.ALWAYS):
        yield (
            "taxonomy.life_safety_waits",
            f"life-safety type '{kind.code}' could wait for a lane or a threshold",
            (*at, "life_safety"),
            'set lane = "urgent" and alerting = "always"',
        )
    if kind.unconfirmed_ceiling is not None and (
        kind.life_safety or kind.level.rank < kind.unconfirmed_ceiling.rank
    ):
        yield (
            "taxonomy.ceiling",
            f"type '{kind.code}' is life-safety, or starts above its own unconfirmed_ceiling",
            (*at, "unconfirmed_ceiling"),
            "lower its level, or remove the ceiling: what is certain, or life-safety, has none",
        )
    if kind.level is Level.P1 and kind.alerting is not Alerting.ALWAYS:
        yield (
            "taxonomy.p1_waits",
            f"P1 type '{kind.code}' does not always alert",
            (*at, "alerting"),
            'set alerting = "always"',
        )
    if kind.code.startswith("social.") and kind.route is Route.POLICE:
        yield (
            "taxonomy.social_police",
            f"social type '{kind.code}' goes to the police",
            (*at, "route"),
            "choose a civil service (S19)",
        )


def _native_faults(kinds: tuple[EventType, ...]) -> Iterator[_Fault]:
    for field in ("apco", "contact_id", ("sia", "sia_restore", "sia_verified")):
        owners: dict[str, str] = {}
        for n, kind in enumerate(kinds):
            for name in (field,) if isinstance(field, str) else field:
                for native in getattr(kind, name):
                    if native in owners:
                        yield (
                            "taxonomy.native_twice",
                            f"{name} code '{native}' is mapped by '{owners[native]}' and by '{kind.code}'",
                            ("type", n, name),
                            "leave it to one of them",
                        )
                    owners[native] = kind.code
