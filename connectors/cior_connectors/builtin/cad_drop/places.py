"""Text of a record to a place: two columns or one field in the ways that open data write it. Pure.

Orders, where a text does not name its values: WKT, GeoJSON and KML write x (longitude) first (RFC 7946 §3.1.1, OGC
06-103r4); "(lat, lon)", GeoRSS and GML points write latitude first (OGC 17-002r1 §9.1).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import msgspec

from cior_connectors.builtin.cad_drop.config import CadDropConfig, code_of
from cior_core.model import UNKNOWN_PLACE, Place, PlaceMethod

if TYPE_CHECKING:
    from pyproj import Transformer

_MAX_POINTS = 10_000
_EARTH_M_PER_DEGREE = 111_320.0
_DOT = r"[+-]?\d+(?:\.\d*)?(?:E[+-]?\d{1,2})?"
_COMMA = r"[+-]?\d+,\d+"
_SIDE = r"\s*(?:°|º)?\s*([NSEWO])?"
_PAIRS = {
    comma: re.compile(
        rf"[\s(\[]*({number}){_SIDE}\s*[{separators}|/\s]\s*({number}){_SIDE}(?:\s*[{separators}\s]\s*{number})?[\s)\]]*",
        re.IGNORECASE,
    )
    for comma, number, separators in ((False, _DOT, ",;"), (True, _COMMA, ",;"))
}
_WHOLE_PAIR = re.compile(r"[+-]?\d+\s*[,\s]\s*[+-]?\d+\s*[,\s]\s*[+-]?\d+")
_TAIL = re.compile(rf"\(\s*({_DOT})\s*,\s*({_DOT})\s*\)\s*$", re.IGNORECASE)
_WKT = re.compile(
    r"(?:SRID=(\d+);)?\s*(?:MULTI)?(?:POINT|LINESTRING|POLYGON)\s*(?:ZM|Z|M)?\s*(\(.*\))",
    re.IGNORECASE | re.DOTALL,
)
_TUPLE = re.compile(rf"({_DOT})\s+({_DOT})(?:\s+{_DOT})*", re.IGNORECASE)
_COMMA_TUPLE = re.compile(rf"\(\s*({_DOT})\s*,\s*({_DOT})\s*\)", re.IGNORECASE)
_LIST = re.compile(rf"\s*{_DOT}(?:\s+{_DOT}){{3,}}\s*", re.IGNORECASE)
_GEO_URI = re.compile(rf"geo:({_DOT}),({_DOT})(?:,{_DOT})?(?:;.*)?", re.IGNORECASE)
_AT = re.compile(rf"@({_DOT}),({_DOT})", re.IGNORECASE)
_URL_KEYS = ("q", "ll", "query", "center", "daddr", "sll", "destination")
_ENCODED = re.compile(r"%[0-9A-F]{2}", re.IGNORECASE)
_LAT_KEYS, _LON_KEYS = ("latitude", "lat", "latitud"), ("longitude", "lon", "lng", "long", "longitud")


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A point as it is written: ``x`` east or longitude, ``y`` north or latitude, ``half_m`` half the extent of what is
    no point; ``crs`` as the text names it; ``address`` what stood beside it.
    """

    x: float
    y: float
    half_m: float = 0.0
    crs: str = ""
    address: str = ""


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """What a record holds of its place: two columns, one ``field``, an address."""

    lat: str = ""
    lon: str = ""
    field: str = ""
    address: str = ""


def place(texts: Texts, config: CadDropConfig) -> tuple[Place, str]:
    """``(place, note)`` of two columns, or of one field.

    What is no point inside the earth gives an unknown place with the address kept, and the note says why: ``zero``,
    ``projected`` (in a grid that nobody named), ``outside`` (kept, but not in the bounds), ``swapped`` (put right),
    ``degrees`` (no values of the grid that is named: taken as degrees), ``extent`` (the middle of a line or an area),
    ``unreadable``.
    """
    spot = _written(texts, config)
    text = texts.address or (spot.address if spot is not None else "") or None
    if spot is None:
        told = texts.lat or texts.lon or (texts.field and not _empty(texts.field))
        unknown = Place(method=PlaceMethod.UNKNOWN, text=text) if text else UNKNOWN_PLACE
        return unknown, "unreadable" if told else ""
    lon, lat, note = _in_degrees(spot, config)
    if not note:
        lat, lon, note = _judged(lat, lon, config)
    if note in ("zero", "projected"):
        return Place(method=PlaceMethod.UNKNOWN, text=text), note
    accuracy_m = max(config.accuracy_m, spot.half_m)
    found = Place(method=config.place_method, lat=lat, lon=lon, accuracy_m=accuracy_m, text=text)
    return found, note or ("extent" if spot.half_m else "")


def _written(texts: Texts, config: CadDropConfig) -> Spot | None:
    """The point that the columns or the field hold; two columns that are one are a field."""
    for field in (texts.field, texts.lat if texts.lat == texts.lon else ""):
        if field and (spot := point(field, config)) is not None:
            return spot
    lat, lon = _number(texts.lat, config), _number(texts.lon, config)
    return None if lat is None or lon is None else Spot(x=lon, y=lat)


def point(text: str, config: CadDropConfig) -> Spot | None:
    """The point that one field holds, None when it holds none."""
    text = text.strip()
    if _ENCODED.search(text) and "://" not in text:
        text = unquote_plus(text).strip()
    if text[:1] in "{[":
        return _of_json(text, config)
    for read in (_of_wkt, _of_address_link, _of_list):
        if (spot := read(text)) is not None:
            return spot
    return _of_pair(text, config) or _of_tail(text)


def _empty(text: str) -> bool:
    """Whether a field says itself that it holds no place."""
    return text.strip().lower().split(" ")[-1] in ("empty", "null", "none", "{}", "[]", "()")


def _of_wkt(text: str) -> Spot | None:
    if (found := _WKT.fullmatch(text)) is None:
        return None
    tuples = _TUPLE.findall(found[2]) or _COMMA_TUPLE.findall(found[2])
    points = [(float(x), float(y)) for x, y in tuples]
    return _middle(points, crs=f"EPSG:{found[1]}" if found[1] else "")


def _of_address_link(text: str) -> Spot | None:
    """A ``geo:`` URI (RFC 5870) or the address of a map."""
    if (found := _GEO_URI.fullmatch(text)) is not None:
        return _finite(float(found[2]), float(found[1]))
    if "://" not in text:
        return None
    if (found := _AT.search(text)) is not None:
        return _finite(float(found[2]), float(found[1]))
    try:
        query = parse_qs(urlsplit(text).query)
    except ValueError:
        return None
    for values in (query.get(key, []) for key in _URL_KEYS):
        for value in values:
            if (pair := _PAIRS[False].fullmatch(value)) is not None:
                return _finite(float(pair[3]), float(pair[1]))
    return None


def _of_list(text: str) -> Spot | None:
    """A GeoRSS line or polygon: latitudes and longitudes in turn."""
    if not _LIST.fullmatch(text):
        return None
    numbers = [float(one) for one in text.split()]
    return None if len(numbers) % 2 else _middle(list(zip(numbers[1::2], numbers[::2], strict=True)))


def _of_pair(text: str, config: CadDropConfig) -> Spot | None:
    """A pair with or without brackets, letters of the hemispheres, a height, decimal commas."""
    for comma in (True, False) if config.decimal_comma else (False, True):
        found = _PAIRS[comma].fullmatch(text)
        if found is None or (not comma and _WHOLE_PAIR.fullmatch(text.strip("()[] "))):
            continue
        first, second = _sided(found[1], found[2]), _sided(found[3], found[4])
        x_first = (found[2] or "").upper() in ("E", "W", "O") or (found[4] or "").upper() in ("N", "S")
        x_first = x_first or (config.place_order == "lon_lat" and not (found[2] or found[4]))
        return _finite(first, second) if x_first else _finite(second, first)
    return None


def _sided(number: str, side: str | None) -> float:
    value = float(number.replace(",", "."))
    return -abs(value) if side and side.upper() in ("S", "W", "O") else value


def _of_tail(text: str) -> Spot | None:
    """An address with its point behind it, as open-data exports write a location."""
    if (found := _TAIL.search(text)) is None:
        return None
    spot = _finite(float(found[2]), float(found[1]))
    address = ", ".join(text[: found.start()].split("\n")).strip(" ,")
    return None if spot is None else msgspec.structs.replace(spot, address=" ".join(address.split()))


def _of_json(text: str, config: CadDropConfig) -> Spot | None:
    for each in (text, text.replace("'", '"').replace("None", "null")):
        try:
            tree = json.loads(each)
        except (ValueError, RecursionError):
            continue
        return _of_tree(tree, config, depth=0)
    return None


def _of_tree(tree: object, config: CadDropConfig, *, depth: int) -> Spot | None:
    """GeoJSON, an ESRI point, a location of open-data exports, or a plain pair."""
    spot: Spot | None = None
    match tree:
        case _ if depth > 4:
            pass
        case {"coordinates": list() as values}:
            spot = _middle(list(_flat(values)), crs=_named(tree))
        case {"geometry": dict() as inner} | {"location": dict() as inner} | {"point": dict() as inner}:
            spot = _of_tree(inner, config, depth=depth + 1)
        case {"geometries": [dict() as inner, *_]}:
            spot = _of_tree(inner, config, depth=depth + 1)
        case {"x": x, "y": y}:
            spot = _numbers(x, y, config, crs=_named(tree))
        case dict():
            spot = _of_names(tree, config)
        # The location column of an export by rows: address, latitude, longitude, machine address, "needs recoding".
        case [_, lat, lon, _, bool() | None | "false" | "true"]:
            spot = _numbers(lon, lat, config)
        case list():
            spot = _middle(list(_flat(tree)))
        case _:
            pass
    return spot


def _of_names(tree: Mapping[str, Any], config: CadDropConfig) -> Spot | None:
    plain = {str(key).casefold(): value for key, value in tree.items()}
    lat = next((plain[key] for key in _LAT_KEYS if key in plain), None)
    lon = next((plain[key] for key in _LON_KEYS if key in plain), None)
    spot = None if lat is None or lon is None else _numbers(lon, lat, config)
    address = _spoken(plain.get("human_address"))
    return msgspec.structs.replace(spot, address=address) if spot is not None and address else spot


def _spoken(value: object) -> str:
    """The address that an export wraps as JSON in text."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return ""
    if isinstance(value, dict):
        return ", ".join(str(part) for key in ("address", "city") if (part := value.get(key)))
    return ""


def _named(tree: object) -> str:
    """The coordinate system that a geometry names itself ("" when it does not)."""
    match tree:
        case {"spatialReference": {"latestWkid": code}} | {"spatialReference": {"wkid": code}}:
            return code_of(code)
        case {"crs": {"properties": {"name": str() as name}}}:
            return "" if name.upper().endswith("CRS84") else name
        case _:
            return ""


def _flat(values: list[Any]) -> Iterator[tuple[float, float]]:
    """The points of GeoJSON coordinates, however deep; strings count as numbers."""
    waiting: list[Any] = [values]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, list):
            continue
        if len(each) >= 2 and all(_plain_number(part) is not None for part in each[:2]):
            x, y = _plain_number(each[0]), _plain_number(each[1])
            assert x is not None
            assert y is not None
            yield x, y
        else:
            waiting.extend(each)


def _plain_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _middle(points: list[tuple[float, float]], *, crs: str = "") -> Spot | None:
    """The middle of the bounds of ``points``, with half their extent."""
    if not points or len(points) > _MAX_POINTS or not all(map(math.isfinite, sum(points, ()))):
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    if abs(x) <= 180 and abs(y) <= 90:
        wide, high = wide * _EARTH_M_PER_DEGREE * math.cos(math.radians(y)), high * _EARTH_M_PER_DEGREE
    return Spot(x=x, y=y, half_m=math.hypot(wide, high) / 2, crs=crs)


def _finite(x: float, y: float) -> Spot | None:
    return Spot(x=x, y=y) if math.isfinite(x) and math.isfinite(y) else None


def _numbers(x: object, y: object, config: CadDropConfig, *, crs: str = "") -> Spot | None:
    x_value, y_value = (_number(str(value), config) for value in (x, y))
    return None if x_value is None or y_value is None else Spot(x=x_value, y=y_value, crs=crs)


def _in_degrees(spot: Spot, config: CadDropConfig) -> tuple[float, float, str]:
    """``(lon, lat, note)`` on WGS84; ``projected`` where a grid's values cannot be put on the earth."""
    crs = spot.crs or ("" if config.crs is None else code_of(config.crs))
    if not crs:
        return spot.x, spot.y, ""
    if abs(spot.x) <= 180 and abs(spot.y) <= 180:
        return spot.x, spot.y, "" if _geographic(crs) else "degrees"
    for x, y, note in ((spot.x, spot.y, ""), (spot.y, spot.x, "swapped")):
        lon, lat = _transformed(crs, x, y)
        if _plausible(lon, lat, crs, config):
            return lon, lat, note
    lon, lat = _transformed(crs, spot.x, spot.y)
    return lon, lat, "outside" if math.isfinite(lon) and math.isfinite(lat) else "projected"


def _transformed(crs: str, x: float, y: float) -> tuple[float, float]:
    source = _projection(crs)
    if source is None:
        return math.inf, math.inf
    lon, lat = source.transform(x, y)
    return lon, lat


def _plausible(lon: float, lat: float, crs: str, config: CadDropConfig) -> bool:
    """Inside the bounds, else inside the area that the grid was made for (some countries write north first)."""
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return False
    if config.bounds is not None:
        return config.bounds.holds(lat, lon)
    source = _projection(crs)
    area = None if source is None or source.source_crs is None else source.source_crs.area_of_use
    return area is None or (area.west <= lon <= area.east and area.south <= lat <= area.north)


@lru_cache(maxsize=16)
def _projection(crs: str) -> Transformer | None:
    """From ``crs`` to WGS84, x first; None when nobody knows it."""
    from pyproj import Transformer  # heavy, and only a desk with a grid needs it
    from pyproj.exceptions import ProjError

    try:
        return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    except ProjError:
        return None


@lru_cache(maxsize=16)
def _geographic(crs: str) -> bool:
    source = _projection(crs)
    return source is not None and source.source_crs is not None and source.source_crs.is_geographic


def _judged(lat: float, lon: float, config: CadDropConfig) -> tuple[float, float, str]:
    if lat == 0.0 and lon == 0.0:
        return lat, lon, "zero"
    if abs(lat) > 180 or abs(lon) > 180:
        return lat, lon, "projected"
    bounds = config.bounds
    if bounds is not None and not bounds.holds(lat, lon):
        if bounds.holds(lon, lat):
            return lon, lat, "swapped"
        return (lon, lat, "swapped") if abs(lat) > 90 else (lat, lon, "outside")
    if abs(lat) > 90:
        return (lon, lat, "swapped") if abs(lon) <= 90 else (lat, lon, "projected")
    return lat, lon, ""


def _number(text: str, config: CadDropConfig) -> float | None:
    if config.decimal_comma:
        text = text.replace(".", "").replace(",", ".") if "," in text else text
    elif text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
