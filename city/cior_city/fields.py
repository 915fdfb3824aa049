"""From a file's rows to the pack's: which property is which, clean texts, ids that stay, values that can be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cior_city.finding import Findings
from cior_city.letters import Letters
from cior_city.mapping import LayerRow, guesses, plain, slug
from cior_city.reading import Feature, Read
from cior_city.shapes import Shaper
from cior_core.city_pack import LayerKind

_YES = {"si", "s", "true", "1", "yes", "y", "x", "ptz", "domo", "movil"}
_WIDEST = {"azimuth_deg": 360.0, "field_of_view_deg": 360.0, "range_m": 5_000.0, "height_m": 200.0}
_NUMBER = re.compile(r"^\s*(-?\d+(?:[.,]\d+)?)\s*(?:°|º|m|mts|metros|grados)?\.?\s*$", re.IGNORECASE)
_NOT_CAMERA = re.compile(r"[^A-Za-z0-9_.\-]+")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a layer is taken as. ``fields``: our name to theirs; ``kind``: of all of its features (empty: by field)."""

    taken_as: LayerKind
    kind: str
    fields: dict[str, str]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A feature of the pack. ``given``: its id was in the file, not made of its name."""

    id: str
    name: str
    given: bool
    properties: dict[str, Any]
    geometry: Any
    number: int


def plan_of(read: Read, row: LayerRow | None, findings: Findings) -> Plan | None:
    """What ``read`` is, by the mapping or by names (said); None when nobody can tell, or it cannot be (said)."""
    guess = guesses().layer_of(read.layer, read.file.rsplit("/", 1)[-1].rsplit(".", 1)[0])
    said = None if row is None or not row.taken_as else LayerKind(row.taken_as)
    taken = said or (None if guess is None else guess.taken_as)
    if taken is None:
        findings.add("file.unknown", file=read.file, feature=read.layer)
        return None
    if said is None:
        findings.add("guess.layer", file=read.file, layer=taken.value)
    fields = _fields(read, row, findings)
    if fields is None:
        return None
    kind = row.kind if row is not None else ""
    return Plan(
        taken_as=taken,
        kind=kind or (guess.kind if guess is not None and guess.taken_as is taken else ""),
        fields=fields,
    )


def _fields(read: Read, row: LayerRow | None, findings: Findings) -> dict[str, str] | None:
    said = {} if row is None else row.fields
    absent = [theirs for theirs in said.values() if theirs not in read.fields]
    for theirs in absent:
        findings.add("fields.absent", file=read.file, field=theirs, there=", ".join(read.fields) or "–")
    if absent:
        return None
    free = [theirs for theirs in read.fields if theirs not in said.values()]
    guessed = {ours: theirs for ours, theirs in guesses().fields_of(free).items() if ours not in said}
    new = {ours: theirs for ours, theirs in guessed.items() if plain(theirs) != ours}
    if new:
        told = ", ".join(f"{theirs} → {ours}" for ours, theirs in new.items())
        findings.add("guess.fields", file=read.file, fields=told)
    return {**guessed, **said}


class Reader:
    """Makes the features of one layer."""

    def __init__(self, read: Read, plan: Plan, findings: Findings) -> None:
        self._read, self._plan, self._findings = read, plan, findings
        self._letters = Letters()
        self._nameless: list[str] = []

    def kept(self, features: tuple[Feature, ...], shaper: Shaper) -> tuple[list[Kept], dict[str, int]]:
        """What is kept, and how many were dropped by code (each is said)."""
        found: list[Kept] = []
        dropped: dict[str, int] = {}
        for feature in features:
            name = self._text(feature, "name")
            geometry, why = shaper.shaped(feature, called(feature, name))
            if why:
                dropped[why] = dropped.get(why, 0) + 1
            else:
                found.append(self._feature(feature, name, geometry))
        self._tell(shaper)
        return found, dropped

    def _tell(self, shaper: Shaper) -> None:
        self._letters.tell(self._findings, file=self._read.file)
        if self._nameless:
            self._findings.add(
                "name.missing", file=self._read.file, count=len(self._nameless), example=self._nameless[0]
            )
        if shaper.points:
            self._findings.add("geometry.point", file=self._read.file, count=shaper.points)

    def _feature(self, feature: Feature, name: str, geometry: Any) -> Kept:
        taken = self._plan.taken_as
        properties = self._properties(feature)
        if taken is LayerKind.ROUTES:
            route = (properties["line"], properties["branch"], properties["direction"])
            name = name or " ".join(each for each in route[:2] if each)
            identity = self._text(feature, "id") or "-".join(filter(None, route))
        else:
            identity = self._text(feature, "id")
        prefix = properties.get("kind", "") if taken in (LayerKind.FACILITIES, LayerKind.AREAS) else ""
        given = bool(self._text(feature, "id"))
        own = self._id(identity or name, taken) or f"{taken.value}-{feature.number}"
        if not name and taken is not LayerKind.STREETS:
            name = own
            self._nameless.append(own)
        return Kept(
            id=f"{slug(prefix)}-{own}" if prefix else own,
            name=name,
            given=given,
            properties=properties,
            geometry=geometry,
            number=feature.number,
        )

    def _id(self, text: str, taken: LayerKind) -> str:
        return _NOT_CAMERA.sub("-", text).strip("-")[:56] if taken is LayerKind.CAMERAS else slug(text)

    def _properties(self, feature: Feature) -> dict[str, Any]:
        match self._plan.taken_as:
            case LayerKind.FACILITIES | LayerKind.AREAS:
                stem = self._read.file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
                return {"kind": self._plan.kind or plain(self._text(feature, "kind")) or plain(stem)}
            case LayerKind.ROUTES:
                return {name: self._text(feature, name) for name in ("line", "branch", "direction")}
            case LayerKind.CAMERAS:
                return self._camera(feature)
            case _:
                return {}

    def _camera(self, feature: Feature) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field, widest in _WIDEST.items():
            raw = self._text(feature, field)
            value = number_of(raw, compass=guesses().compass if field == "azimuth_deg" else {})
            if value is not None and field == "azimuth_deg" and -360 <= value <= 360:
                value %= 360
            if value is not None and (0 < value <= widest or (field == "azimuth_deg" and value == 0)):
                found[field] = value
            elif raw:
                self._findings.add(
                    "camera.value",
                    file=self._read.file,
                    feature=called(feature, self._text(feature, "name")),
                    field=field,
                    value=raw[:40],
                )
        if plain(self._text(feature, "turns")) in _YES:
            found["turns"] = True
        found |= {name: text for name in ("owner", "text") if (text := self._text(feature, name))}
        return found

    def _text(self, feature: Feature, field: str) -> str:
        """A property as clean text; numbers that are whole without their point."""
        theirs = self._plan.fields.get(field)
        value = None if theirs is None else feature.properties.get(theirs)
        match value:
            case None:
                return ""
            case bool():
                return "si" if value else ""
            case float():
                return "" if value != value else f"{value:.10g}"  # noqa: PLR0124 - not a number
            case int():
                return str(value)
            case _:
                return self._letters.clean(str(value))


def number_of(text: str, *, compass: Mapping[str, float]) -> float | None:
    """The number of a text such as ``45``, ``45,5°``, ``80 m`` or, with a compass, ``NE``; None when it is none."""
    if plain(text) in compass:
        return compass[plain(text)]
    found = _NUMBER.match(text)
    return None if found is None else float(found.group(1).replace(",", "."))


def called(feature: Feature, name: str) -> str:
    """What a person looks for in the file."""
    return f"n.º {feature.number} «{name}»" if name else f"n.º {feature.number}"
