"""Which acts there are, who may take them, and how what a person sent becomes an action. The rules are data
(``data/acts.toml``); this file reads no clock and writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any

import msgspec

from cior_console.endpoints import Caller
from cior_console.problems import Refused
from cior_console.said import is_plain_name, shown_text
from cior_console.wall_view import is_sealed
from cior_core import strict_toml
from cior_core.model import (
    Action,
    ActionKind,
    AgencyStage,
    Alert,
    Disposition,
    Level,
    Place,
    PlaceMethod,
)
from cior_core.privacy import Role

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Words = Annotated[str, msgspec.Meta(max_length=2_000)]
_TEXT_LIMIT = 500
"""What core keeps of a reason; more is refused here rather than cut there."""


class PlaceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where, as a person says it: a point, or a district alone."""

    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    accuracy_m: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None
    district: Name | None = None
    text: Words = ""


class ActBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An act on an alert. ``seen_version``: what was on the screen; who acted since, against it, was first."""

    kind: ActionKind
    seen_version: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    reason: Words = ""
    disposition: Disposition | None = None
    target_ids: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] = ()
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    assignee: Name | None = None
    agency: Name | None = None
    unit: Name | None = None
    stage: AgencyStage | None = None
    attended: bool | None = None
    step: Name | None = None
    place: PlaceBody | None = None
    type: Name | None = None
    level: Level | None = None


class IncidentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An incident opened by hand."""

    type: Name
    place: PlaceBody
    text: Words = ""
    reason: Words = ""
    level: Level | None = None
    drill: bool = False


class PostureBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The city's declared state; ``normal`` ends one. ``until_ms`` is needed of every other."""

    posture: Name
    reason: Words
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class ActRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the table."""

    roles: frozenset[Role]
    sealed: frozenset[Role] = frozenset()
    needs: tuple[str, ...] = ()


@cache
def act_rules() -> Mapping[ActionKind, ActRule]:
    """Every act with who may take it."""
    text = resources.files("cior_console").joinpath("data", "acts.toml").read_text(encoding="utf-8")
    return strict_toml.parse(text, dict[ActionKind, ActRule], file="acts.toml")


def act_id(person_id: str, key: str) -> str:
    """The action's id: of one person and one Idempotency-Key, so that nobody else's key can be used up."""
    return hashlib.sha256(f"cior.act\0{person_id}\0{key}".encode()).hexdigest()[:32]


def refuse_unfit(kind: ActionKind, given: Any, caller: Caller, alert: Alert | None = None) -> None:
    """Raises ``Refused`` when this person may not take this act, or has not said what it needs."""
    rule = act_rules()[kind]
    allowed = rule.sealed if alert is not None and is_sealed(alert) else rule.roles
    if caller.role not in allowed & rule.roles:
        raise Refused("act.not_yours", role=caller.role.value, kind=kind.value)
    lacking = [name for name in rule.needs if not _is_said(getattr(given, name, None))]
    if lacking:
        raise Refused("act.incomplete", where=", ".join(lacking))
    _refuse_elsewhere(given, caller)


def _is_said(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None and value != ()


def _refuse_elsewhere(given: Any, caller: Caller) -> None:
    """An agency stamps its own clock only; who has districts places and silences nothing outside them."""
    agency, place, scope = getattr(given, "agency", None), getattr(given, "place", None), caller.scope
    if caller.role is Role.AGENCY and agency is not None and agency not in scope.agencies:
        raise Refused("act.jurisdiction")
    if place is not None and scope.districts and place.district not in scope.districts:
        raise Refused("act.jurisdiction")
    silent = getattr(given, "scope", None)
    if silent is not None and scope.districts and not set(silent.districts or ("",)) <= set(scope.districts):
        raise Refused("act.jurisdiction")


def action_of(
    given: Any, *, kind: ActionKind, act: str, caller: Caller, at_ms: int, alert: Alert | None
) -> Action:
    """The action that a body asks for. Raises ``Refused`` for text that is too long, and names that are no names."""
    known: dict[str, Any] = {"id": act, "kind": kind, "actor": caller.person.id, "at_ms": at_ms}
    for name in _COPIED:
        if (value := getattr(given, name, None)) is not None:
            known[name] = _plain(name, value) if isinstance(value, str) and name in _NAMES else value
    known |= {name: _text(name, getattr(given, name, "")) for name in ("reason", "text")}
    if getattr(given, "place", None) is not None:
        known["place"] = _place(given.place)
    if alert is not None:
        known |= {"alert_id": alert.id, "area": alert.area}
    return Action(**known)


_NAMES = frozenset({"assignee", "owner", "agency", "unit", "step", "type", "posture", "line"})
_COPIED = (
    *_NAMES,
    "seen_version",
    "disposition",
    "target_ids",
    "until_ms",
    "stage",
    "attended",
    "level",
    "drill",
    "scope",
    "silence",
    "rings",
)


def _plain(name: str, value: str) -> str:
    if not is_plain_name(value):
        raise Refused("request.malformed", where=name)
    return value


def _text(name: str, value: str) -> str:
    text = shown_text(value)
    if len(text) > _TEXT_LIMIT:
        raise Refused("request.malformed", where=f"{name}: {_TEXT_LIMIT} characters at most")
    return text


def _place(said: PlaceBody) -> Place:
    if (said.lat is None) != (said.lon is None) or (said.lat is None and said.district is None):
        raise Refused("act.incomplete", where="place: lat and lon, or a district")
    if said.lat is None:
        return Place(method=PlaceMethod.DISTRICT, district=said.district)
    return Place(
        method=PlaceMethod.CALLER,
        lat=said.lat,
        lon=said.lon,
        accuracy_m=said.accuracy_m,
        district=said.district,
        text=_text("place.text", said.text) or None,
    )
