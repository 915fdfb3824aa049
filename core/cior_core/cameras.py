"""The one catalogue of the city's cameras: where each stands, which way it looks and how far, whose it is, by which
address its pictures come. Vision, recorder, console and boards read it; nobody else lists cameras. Pure.

Two sources make it, joined by id. The city pack says where cameras stand (GeoJSON, ``cior city import``); the file
``cameras.toml`` beside the centre file adds others and says of any what it knows better, the stream above all::

    [[camera]]
    id = "camera-plaza"
    name = "Plaza"
    place = {lat = -32.9468, lon = -60.6393}   # not needed when the city pack has this id
    azimuth_deg = 120.0        # where the middle of the picture looks, clockwise from true north
    field_of_view_deg = 90.0   # horizontal opening; 360: all round
    range_m = 80.0             # how far a person can still be told from a bush
    height_m = 6.0             # above ground
    turns = false              # true: a dome that an operator can turn
    owner = "municipalidad"
    stream = "rtsp://…"        # may hold a password: never printed, never published

Walls, trees and slopes are not known: "in view" means that nothing but them could hide the place.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from math import asin, degrees, radians
from typing import Annotated, Any, Final, Literal, Self

import msgspec

from cior_core.camera_stream import stream_fault
from cior_core.errors import ConfigInvalid
from cior_core.geo import EARTH_RADIUS_M, bearing_deg, coordinate_fault, destination, distance_m
from cior_core.model import Device, Place, PlaceMethod, Struct
from cior_core.strict_toml import ConfigFault, locate, parse

CAMERA: Final = "camera"
"""The kind of a camera among devices."""

CameraId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]
_CAMERA_ID: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
Azimuth = Annotated[float, msgspec.Meta(ge=0, lt=360)]
Opening = Annotated[float, msgspec.Meta(gt=0, le=360)]
RangeM = Annotated[float, msgspec.Meta(gt=0, le=5_000)]

RANGE_M: Final = 150.0
"""Of a camera whose range nobody wrote down."""
ASSUMED_OPENING_DEG: Final = 90.0
"""Of a camera whose azimuth is known and whose opening is not: a fixed lens of 2.8 to 4 mm."""
AT_THE_MAST_M: Final = 5.0
"""Nearer than this a bearing says nothing."""
NEAR_M: Final = 500.0
"""Farther cameras are not offered for a place, whatever their range says."""
CONE_STEP_DEG: Final = 10.0

_M_PER_DEGREE: Final = radians(1) * EARTH_RADIUS_M


def is_camera_id(text: str) -> bool:
    """Whether a camera can be called that, whether there is one or not."""
    return _CAMERA_ID.fullmatch(text) is not None


class Sight(StrEnum):
    """What a camera has of a place, the best first.

    ``TURNABLE``: it looks elsewhere and can be turned there. ``UNKNOWN``: near enough, but nobody wrote down where it
    looks. ``AWAY``: near enough and it looks elsewhere. ``FAR``: beyond its range.
    """

    IN_VIEW = "in_view"
    TURNABLE = "turnable"
    UNKNOWN = "unknown"
    AWAY = "away"
    FAR = "far"


class CameraState(StrEnum):
    """What is known of its pictures now: the words for ``supervisor.v_cameras.state``, in its order from 0."""

    NO_WORD = "unknown"
    SEES = "good"
    BADLY = "degraded"
    BLIND = "offline"

    @classmethod
    def of_state(cls, state: int) -> CameraState:
        """The word for a state of the views (0 to 3)."""
        return tuple(cls)[state]


class Camera(Struct, frozen=True, kw_only=True):
    """One camera. ``accuracy_m`` covers what it looks at, for the place of its events; angles in degrees from true
    north. None: nobody wrote it down. ``stream`` may hold a password.
    """

    id: str
    name: str = ""
    lat: float
    lon: float
    accuracy_m: float = 30.0
    azimuth_deg: float | None = None
    field_of_view_deg: float | None = None
    range_m: float = RANGE_M
    height_m: float | None = None
    turns: bool = False
    owner: str = ""
    district: str | None = None
    text: str | None = None
    stream: str = ""
    expected_every_s: float | None = None
    drill: bool = False

    def __repr__(self) -> str:
        return f"Camera({self.id})"

    @property
    def place(self) -> Place:
        """The canonical place of what it sees."""
        return Place(
            method=PlaceMethod.SITE,
            lat=self.lat,
            lon=self.lon,
            accuracy_m=self.accuracy_m,
            district=self.district,
            text=self.text,
        )

    @property
    def opening_deg(self) -> float | None:
        """The opening to reckon with; None when nobody knows where it looks."""
        if self.field_of_view_deg is not None and self.field_of_view_deg >= 360:
            return 360.0
        return None if self.azimuth_deg is None else self.field_of_view_deg or ASSUMED_OPENING_DEG

    def sight(self, lat: float, lon: float, *, accuracy_m: float = 0.0) -> Sight:
        """What it has of the place, which may be ``accuracy_m`` elsewhere: what it may see counts as seen."""
        away_m = distance_m(self.lat, self.lon, lat, lon)
        if away_m > self.range_m + accuracy_m:
            return Sight.FAR
        opening_deg = self.opening_deg
        if opening_deg is None:
            return Sight.TURNABLE if self.turns else Sight.UNKNOWN
        if away_m <= max(accuracy_m, AT_THE_MAST_M) or opening_deg >= 360:
            return Sight.IN_VIEW
        off_deg = abs(
            (bearing_deg(self.lat, self.lon, lat, lon) - (self.azimuth_deg or 0.0) + 180) % 360 - 180
        )
        if off_deg <= opening_deg / 2 + degrees(asin(accuracy_m / away_m)):
            return Sight.IN_VIEW
        return Sight.TURNABLE if self.turns else Sight.AWAY

    def cone(self) -> tuple[tuple[float, float], ...]:
        """The outline (lat, lon) of what it overlooks, for a map; see :class:`ShownCamera`."""
        opening_deg = self.opening_deg
        if opening_deg is None:
            return ()
        steps = max(2, round(opening_deg / CONE_STEP_DEG))
        first_deg = (self.azimuth_deg or 0.0) - opening_deg / 2
        arc = [
            destination(self.lat, self.lon, bearing=first_deg + opening_deg * n / steps, metres=self.range_m)
            for n in range(steps if opening_deg >= 360 else steps + 1)
        ]
        return tuple(arc if opening_deg >= 360 else [(self.lat, self.lon), *arc])

    def as_device(self) -> Device:
        """What the register of devices knows of it: its place, its longest silence."""
        return Device(
            id=self.id,
            kind=CAMERA,
            name=self.name,
            place=self.place,
            expected_every_s=self.expected_every_s,
            drill=self.drill,
        )


class ShownCamera(Struct, frozen=True, kw_only=True):
    """A camera as screens see it: no stream. ``cone``: corners (lat, lon) of what it overlooks, for a map; empty when
    nobody knows where it looks, a circle when it looks all round.
    """

    id: str
    name: str
    lat: float
    lon: float
    health: CameraState
    azimuth_deg: float | None = None
    field_of_view_deg: float | None = None
    range_m: float
    height_m: float | None = None
    turns: bool = False
    owner: str = ""
    district: str | None = None
    cone: tuple[tuple[float, float], ...] = ()


class NearCamera(Struct, frozen=True, kw_only=True):
    """A camera offered for a place: what it has of it, how far it is, which way one turns it (from true north).
    ``sees``: the place is in view, or it can be turned there.
    """

    id: str
    name: str
    health: CameraState
    sight: Sight
    sees: bool
    distance_m: float
    bearing_deg: float
    turns: bool = False
    owner: str = ""


class Cameras(Mapping[str, Camera]):
    """The cameras by id, in order of id. What a place is offered is found by latitude first, so a city's size does not
    matter.
    """

    def __init__(self, cameras: Iterable[Camera] = ()) -> None:
        self._cameras = {each.id: each for each in sorted(cameras, key=lambda each: each.id)}
        self._by_lat = sorted(self._cameras.values(), key=lambda each: (each.lat, each.id))
        self._lats = [each.lat for each in self._by_lat]
        self._reach_m = max((each.range_m for each in self._by_lat), default=0.0)

    @classmethod
    def load(
        cls,
        text: str = "",
        *,
        file: str = "cameras.toml",
        pack: str | None = None,
        bucket: Callable[[float, float], str] | None = None,
    ) -> Self:
        """From the text of ``cameras.toml`` and the GeoJSON of a city pack; ``bucket`` tells districts where nobody
        wrote one. Raises :class:`ConfigInvalid` ``cameras.pack`` or :class:`ConfigFault` with file, line and cure
        (``config.*``, ``cameras.id_twice``, ``cameras.no_place``, ``cameras.place``, ``cameras.stream_*``).
        """
        known = {} if pack is None else {each.id: each for each in _packed(pack)}
        rows = parse(text, _File, file=file).camera
        for code, sentence, path, cure in _faults(rows, known):
            raise ConfigFault(code, sentence, file=file, line=locate(text, path), cure=cure)
        known |= {row.id: _joined(known.get(row.id), row) for row in rows}
        return cls(known.values() if bucket is None else (_placed(each, bucket) for each in known.values()))

    def __getitem__(self, camera_id: str) -> Camera:
        return self._cameras[camera_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cameras)

    def __len__(self) -> int:
        return len(self._cameras)

    def seeing(self, place: Place, *, count: int) -> list[str]:
        """Ids of at most ``count`` cameras that have ``place`` in range, the surest first: those in whose view it lies,
        then those that may be turned or look who knows where, then those that look elsewhere (somebody runs past).
        """
        return [camera.id for _, _, camera in self._ranked(place)][:count]

    def overlooking(self, place: Place, *, count: int) -> list[str]:
        """Ids of at most ``count`` cameras in whose view cone ``place`` lies, the nearest first."""
        in_view = _ORDER.index(Sight.IN_VIEW)
        return [camera.id for order, _, camera in self._ranked(place) if order == in_view][:count]

    def nearest(
        self, place: Place, states: Mapping[str, CameraState], *, count: int = 4
    ) -> tuple[NearCamera, ...]:
        """What an operator is offered for ``place``: ``count`` cameras by view, health and distance, those that work
        first. One that is blind and should have seen it is told too, after them, beyond the count: it is a blind spot.

        ``states`` by camera id; an absent one is :attr:`CameraState.NO_WORD`. A place without coordinates (a sealed
        alert's) is offered none.
        """
        found = self._near(place, states)
        working = [near for near in found if near.health is not CameraState.BLIND]
        blind = [near for near in found if near.health is CameraState.BLIND]
        dark = [near for near in blind if near.sees]
        return (*working[:count], *(dark or blind[: max(0, count - len(working))])[:count])

    def shown(self, states: Mapping[str, CameraState]) -> tuple[ShownCamera, ...]:
        """Every camera for a map, in order of id."""
        return tuple(_shown(each, states) for each in self._cameras.values())

    def devices(self) -> tuple[Device, ...]:
        """The cameras as registered devices."""
        return tuple(each.as_device() for each in self._cameras.values())

    def _near(self, place: Place, states: Mapping[str, CameraState]) -> list[NearCamera]:
        if place.lat is None or place.lon is None:
            return []
        lat, lon, accuracy_m = place.lat, place.lon, place.accuracy_m or 0.0
        found = [
            _offered(each, away_m, place, states.get(each.id, CameraState.NO_WORD))
            for each, away_m in self._within(lat, lon, NEAR_M + accuracy_m)
        ]
        return sorted(found, key=_usefulness)

    def _ranked(self, place: Place) -> list[tuple[int, float, Camera]]:
        if place.lat is None or place.lon is None:
            return []
        lat, lon, accuracy_m = place.lat, place.lon, place.accuracy_m or 0.0
        found = [
            (_ORDER.index(each.sight(lat, lon, accuracy_m=accuracy_m)), away_m, each)
            for each, away_m in self._within(lat, lon, self._reach_m + accuracy_m)
        ]
        return sorted(
            (one for one in found if _ORDER[one[0]] is not Sight.FAR),
            key=lambda one: (one[0], one[1], one[2].id),
        )

    def _within(self, lat: float, lon: float, reach_m: float) -> Iterator[tuple[Camera, float]]:
        band = reach_m / _M_PER_DEGREE
        first, last = bisect_left(self._lats, lat - band), bisect_right(self._lats, lat + band)
        for each in self._by_lat[first:last]:
            if (away_m := distance_m(lat, lon, each.lat, each.lon)) <= reach_m:
                yield each, away_m


NO_CAMERAS: Final = Cameras()

_ORDER: Final = tuple(Sight)
_TRUST: Final = (CameraState.SEES, CameraState.NO_WORD, CameraState.BADLY, CameraState.BLIND)


def _usefulness(near: NearCamera) -> tuple[int, int, float, str]:
    """A badly seeing camera in view beats a good one that looks elsewhere; of two in view the good one is first."""
    return _ORDER.index(near.sight), _TRUST.index(near.health), near.distance_m, near.id


def _offered(camera: Camera, away_m: float, place: Place, health: CameraState) -> NearCamera:
    lat, lon = place.lat or 0.0, place.lon or 0.0
    sight = camera.sight(lat, lon, accuracy_m=place.accuracy_m or 0.0)
    return NearCamera(
        id=camera.id,
        name=camera.name or camera.id,
        health=health,
        sight=sight,
        sees=sight in {Sight.IN_VIEW, Sight.TURNABLE},
        distance_m=round(away_m, 1),
        bearing_deg=round(bearing_deg(camera.lat, camera.lon, lat, lon), 1),
        turns=camera.turns,
        owner=camera.owner,
    )


def _shown(camera: Camera, states: Mapping[str, CameraState]) -> ShownCamera:
    fields = {
        name: getattr(camera, name)
        for name in ShownCamera.__struct_fields__
        if name not in {"health", "cone"}
    }
    return ShownCamera(**fields, health=states.get(camera.id, CameraState.NO_WORD), cone=camera.cone())


# --- the two sources ----------------------------------------------------------------------------------------


class SitePlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a camera hangs, WGS84; ``accuracy_m`` covers what it looks at."""

    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    district: str | None = None
    text: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file: what is not written there stays as the pack says."""

    id: CameraId
    name: str | msgspec.UnsetType = msgspec.UNSET
    place: SitePlace | None = None
    azimuth_deg: Azimuth | msgspec.UnsetType = msgspec.UNSET
    field_of_view_deg: Opening | msgspec.UnsetType = msgspec.UNSET
    range_m: RangeM | msgspec.UnsetType = msgspec.UNSET
    height_m: float | msgspec.UnsetType = msgspec.UNSET
    turns: bool | msgspec.UnsetType = msgspec.UNSET
    owner: str | msgspec.UnsetType = msgspec.UNSET
    stream: str | msgspec.UnsetType = msgspec.UNSET
    expected_every_s: Annotated[float, msgspec.Meta(ge=1, le=2_592_000)] | msgspec.UnsetType = msgspec.UNSET
    drill: bool | msgspec.UnsetType = msgspec.UNSET

    def __repr__(self) -> str:
        return f"Row({self.id})"


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    camera: tuple[Row, ...] = ()


class _Packed(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of a camera in a city pack."""

    id: CameraId
    name: str = ""
    azimuth_deg: Azimuth | None = None
    field_of_view_deg: Opening | None = None
    range_m: RangeM = RANGE_M
    height_m: float | None = None
    turns: bool = False
    owner: str = ""
    text: str | None = None


class _Point(msgspec.Struct, frozen=True):
    type: Literal["Point"]
    coordinates: tuple[float, float]


class _Feature(msgspec.Struct, frozen=True):
    geometry: _Point
    properties: _Packed


class _Collection(msgspec.Struct, frozen=True):
    features: tuple[_Feature, ...]


def _packed(text: str) -> Iterator[Camera]:
    try:
        features = msgspec.json.decode(text, type=_Collection).features
    except msgspec.MsgspecError as error:
        raise ConfigInvalid(
            "cameras.pack", f"the cameras of the city pack: {error}", cure="import the city again"
        ) from error
    for feature in features:
        lon, lat = feature.geometry.coordinates
        yield Camera(lat=lat, lon=lon, **msgspec.structs.asdict(feature.properties))


def _joined(known: Camera | None, row: Row) -> Camera:
    given: dict[str, Any] = {
        name: value
        for name in Row.__struct_fields__
        if name != "place" and (value := getattr(row, name)) is not msgspec.UNSET
    }
    if row.place is not None:
        given |= msgspec.structs.asdict(row.place)
    return Camera(**given) if known is None else msgspec.structs.replace(known, **given)


def _placed(camera: Camera, bucket: Callable[[float, float], str]) -> Camera:
    if camera.district is not None:
        return camera
    return msgspec.structs.replace(camera, district=bucket(camera.lat, camera.lon))


def _faults(
    rows: tuple[Row, ...], known: Mapping[str, Camera]
) -> Iterator[tuple[str, str, tuple[str | int, ...], str]]:
    ids: set[str] = set()
    for n, row in enumerate(rows):
        if row.id in ids:
            yield (
                "cameras.id_twice",
                f"camera '{row.id}' is there twice",
                ("camera", n, "id"),
                "give each its own id",
            )
        ids.add(row.id)
        if row.place is None and row.id not in known:
            yield (
                "cameras.no_place",
                f"camera '{row.id}' has no place, and the city pack does not have it",
                ("camera", n),
                "add place = { lat = …, lon = … }, or correct the id",
            )
        elif row.place is not None and coordinate_fault(row.place.lat, row.place.lon) is not None:
            yield (
                "cameras.place",
                f"camera '{row.id}' stands at no place on earth",
                ("camera", n, "place"),
                "give latitude and longitude in degrees",
            )
        wrong = None if row.stream is msgspec.UNSET else stream_fault(row.stream)
        if wrong is not None:
            code, sentence, cure = wrong
            yield code, f"camera '{row.id}': {sentence}", ("camera", n, "stream"), cure
