"""What a package answers: the order as people of the register decided it, read from JSON and checked before anything is
built. Field by field in docs/paquete.md (``solicitud.json``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.judicial.persons import SEALED_APPROVERS
from cior_core.requests import AuthorityKind
from cior_core.rfc3339 import from_rfc3339, to_rfc3339
from cior_evidence.paths import folder_name, folders_of

PROFILE: Final = "CIOR-Bag-1"
LONGEST_MS: Final = 366 * 86_400_000
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LINE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_SPANISH: Final = {
    "package": "paquete", "case": "cuij", "asked": "solicitud", "basis": "base_legal", "asked_by": "pedida_por",
    "approved_by": "aprobada_por", "built_by": "armada_por", "scope": "alcance", "events": "eventos",
    "negatives": "negativas", "time_zone": "zona_horaria", "derived_from": "deriva_de", "name": "nombre",
    "office": "cargo", "since": "desde", "until": "hasta", "camera": "camara", "reason": "motivo", "code": "codigo",
    "explanation": "explicacion", "leaf": "hoja", "text": "texto", "received": "recibida", "authority": "autoridad",
    "kind": "clase", "title": "caratula", "copy": "copia", "sealed": "reservado_por_orden", "approvers": "aprobaron",
    "identity": "identidad",
}  # fmt: skip


class Kind(StrEnum):
    """What the package is: footage and records, the certificate that there are none, or a copy made out of another
    package, which is never offered as that.
    """

    DELIVERY = "entrega"
    NEGATIVE = "constancia_negativa"
    VIEW = "copia_de_vista"
    REDACTED = "copia_velada"


COPIES: Final = frozenset({Kind.VIEW, Kind.REDACTED})


class Why(StrEnum):
    """Why there is nothing to deliver of a camera and an interval."""

    NO_CAMERA = "sin_camara"
    CAMERA_DOWN = "camara_caida"
    EXPIRED = "retencion_vencida"
    OUT_OF_SCOPE = "fuera_de_alcance"
    NOT_FOUND = "no_hallado"


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_SPANISH):
    """What is not known here is refused: a court would take it for answered."""


class Who(_Said, frozen=True):
    """A person of the register, by id, and what they are."""

    id: str
    name: str
    office: str


class Interval(_Said, frozen=True):
    """RFC 3339 with a zone; ``until`` is not included."""

    since: str
    until: str

    @property
    def span(self) -> tuple[int, int]:
        """In UTC ms. Raises ``PayloadRejected`` (``event.time_*``, ``order.interval``)."""
        first, last = from_rfc3339(self.since), from_rfc3339(self.until)
        if not 0 < last - first <= LONGEST_MS:
            raise PayloadRejected(
                "order.interval",
                f"the interval from {self.since} to {self.until} is empty, backwards or longer than a year",
                cure="ask from the earlier instant on, and split a longer one",
            )
        return first, last


class Item(Interval, frozen=True):
    """One camera over one interval, and why."""

    camera: str
    reason: str


class Negative(Interval, frozen=True):
    """What cannot be delivered. ``leaf``: of the ledger, where a deletion by retention stands."""

    camera: str
    code: Why
    explanation: str
    leaf: str | None = None


class Asked(_Said, frozen=True):
    """The request: by which authority, when it came, in which case and why."""

    id: str
    received: str
    authority: str
    kind: AuthorityKind
    title: str
    reason: str


class Basis(_Said, frozen=True):
    """The law that it stands on."""

    code: str
    text: str


class SealedOrder(_Said, frozen=True):
    """A judge ordered what is sealed: who approved it (two), and whether the order names who is protected."""

    approvers: tuple[Who, ...]
    identity: bool


class Order(_Said, frozen=True):
    """What to build. ``package``: its id; ``case``: the CUIJ; ``derived_from``: SHA-256 of another's tag manifest;
    ``copy``: which kind of copy of that one it is; ``sealed``: that it is for what is sealed too.
    """

    package: str
    case: str
    asked: Asked
    basis: Basis
    asked_by: Who
    approved_by: Who
    built_by: Who
    scope: tuple[Item, ...]
    time_zone: str
    events: Interval | None = None
    negatives: tuple[Negative, ...] = ()
    derived_from: str | None = None
    copy: Kind | None = None
    sealed: SealedOrder | None = None

    @property
    def kind(self) -> Kind:
        """A copy says so; negative when every item of the scope is refused whole."""
        if self.copy is not None:
            return self.copy
        is_none = not self.events and all((each.camera, each.span) in self.refused for each in self.scope)
        return Kind.NEGATIVE if self.negatives and is_none else Kind.DELIVERY

    @property
    def refused(self) -> frozenset[tuple[str, tuple[int, int]]]:
        """What is refused whole: cameras and intervals."""
        return frozenset((each.camera, each.span) for each in self.negatives)

    @property
    def ordered_scope(self) -> tuple[Item, ...]:
        """The scope in order of camera and beginning, as every list of the package has it."""
        return tuple(sorted(self.scope, key=lambda each: (each.camera, each.span)))

    @property
    def told(self) -> dict[str, Any]:
        """The order's own JSON; what is no copy, or not for what is sealed, has no word on it, as before there were
        any.
        """
        said: dict[str, Any] = msgspec.to_builtins(self)
        for name, told in (("copia", self.copy), ("reservado_por_orden", self.sealed)):
            if told is None:
                del said[name]
        return said

    def meta(self, *, created_ms: int, reserved: int) -> dict[str, Any]:
        """``solicitud.json``; instants in UTC whatever zone they were asked in, cameras by folder and by name."""
        said = {name: each for name, each in self.told.items() if name != "copia"}
        more = {
            "formato": PROFILE,
            "tipo": self.kind,
            "creado": to_rfc3339(created_ms),
            "reservado": reserved,
        }
        folders = folders_of(each.camera for each in self.scope)
        scope = [_named(msgspec.to_builtins(each), folders) for each in self.ordered_scope]
        negatives = [_named(each, folders) for each in said["negativas"]]
        asked: dict[str, Any] = in_utc({**said, "alcance": scope, "negativas": negatives} | more)
        return asked


def _named(said: dict[str, Any], folders: Mapping[str, str]) -> dict[str, Any]:
    """Its camera by the folder of the package, as every list names it, and as the centre calls it."""
    return {
        **said,
        "camara": folders.get(said["camara"], folder_name(said["camara"])),
        "camara_original": said["camara"],
    }


def read_order(data: bytes) -> Order:
    """The order of a JSON file. Raises ``PayloadRejected`` (``order.*``, ``event.time_*``), each with what to do."""
    try:
        order = msgspec.json.decode(data, type=Order)
    except msgspec.MsgspecError as error:
        raise PayloadRejected(
            "order.format",
            f"this is no order for a package: {error}",
            cure="see docs/paquete.md, solicitud.json",
        ) from None
    return checked(order)


def checked(order: Order) -> Order:
    """The same order, if a package can be made of it. Raises ``PayloadRejected`` (``order.*``, ``event.time_*``)."""
    _names(order)
    _people(order)
    for each in (*order.scope, *order.negatives, *((order.events,) if order.events else ())):
        _ = each.span
    from_rfc3339(order.asked.received)
    _overlaps(order)
    if not order.scope and order.events is None:
        raise PayloadRejected(
            "order.empty", "the order asks for nothing", cure="name cameras or an interval of events"
        )
    if order.derived_from is not None and not _HEX.fullmatch(order.derived_from):
        raise PayloadRejected(
            "order.derived", "deriva_de is no SHA-256", cure="give 64 hexadecimal digits, or null"
        )
    if order.copy is not None and (order.copy not in COPIES or order.derived_from is None):
        raise PayloadRejected(
            "order.copy", "a copy says of which package it is one", cure="give deriva_de, and a kind of copy"
        )
    return order


def _names(order: Order) -> None:
    if not _NAME.fullmatch(order.package):
        raise PayloadRejected(
            "order.package",
            "a package's id is letters, digits, dots and hyphens",
            cure="for example SF-2026-000123",
        )
    if not _LINE.fullmatch(order.case):
        raise PayloadRejected("order.case", "the CUIJ is empty, too long or of several lines")
    try:
        ZoneInfo(order.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PayloadRejected(
            "order.time_zone", "this time zone does not exist", cure="for example America/Argentina/Cordoba"
        ) from None


def _people(order: Order) -> None:
    if order.approved_by.id in (order.asked_by.id, order.built_by.id):
        raise PayloadRejected(
            "order.one_person",
            "who approves must be another person than who asked and who builds",
            cure="let another person of the register approve",
        )
    if order.sealed is not None:
        _sealed_people(order, {each.id for each in order.sealed.approvers})


def _sealed_people(order: Order, approvers: set[str]) -> None:
    if len(approvers) < SEALED_APPROVERS or approvers & {order.asked_by.id, order.built_by.id}:
        raise PayloadRejected(
            "order.sealed_people",
            "what is sealed is approved by two, and built by a third",
            cure="let two other persons of the register approve",
        )


def _overlaps(order: Order) -> None:
    scope = sorted((each.camera, *each.span) for each in order.scope)
    for before, after in pairwise(scope):
        if before[0] == after[0] and after[1] < before[2]:
            raise PayloadRejected(
                "order.overlap", "two intervals of one camera overlap", cure="ask for their union, once"
            )


_INSTANTS: Final = frozenset({"desde", "hasta", "recibida", "creado"})


def in_utc(value: Any) -> Any:
    """The same JSON with every instant in UTC with milliseconds."""
    match value:
        case dict():
            return {
                key: to_rfc3339(from_rfc3339(each))
                if key in _INSTANTS and isinstance(each, str)
                else in_utc(each)
                for key, each in value.items()
            }
        case list() | tuple():
            return [in_utc(each) for each in value]
        case _:
            return value
