"""A vision worker's settings file: which cameras it watches and how, zones, lines, masks, rules, engine. Strict TOML;
paths are relative to the file. Where a camera stands and by which address its pictures come is in the catalogue
(:mod:`cior_core.cameras`), by its id.

Tables ``[[camera]]``, ``[[zone]]``, ``[[line]]``, ``[[mask]]`` and ``[[rule]]`` stand beside each other and name one
another, so that every fault has a line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cior_core import strict_toml
from cior_core.cameras import ASSUMED_OPENING_DEG, Camera, CameraId, Cameras
from cior_core.model import Place
from cior_core.strict_toml import ConfigFault
from cior_video.sources import Reading, SourceSettings, Strict
from cior_vision.attention import AttentionSettings
from cior_vision.detectors.contract import EngineSettings
from cior_vision.detectors.registry import plugin
from cior_vision.gate import GateSettings
from cior_vision.masks import crosses_itself
from cior_vision.rule_settings import (
    AnyTrackRule,
    LineRule,
    LineSettings,
    MaskSettings,
    Name,
    Point,
    Polygon,
    Seconds,
    StoppedRule,
    TamperSettings,
    WrongWayRule,
    ZoneSettings,
)
from cior_vision.settings_file import text_of
from cior_vision.tracking import TrackerSettings

E = TypeVar("E", bound=EngineSettings)


class WatchedCamera(Strict, frozen=True, kw_only=True):
    """One ``[[camera]]`` table: a camera of the catalogue, and how this worker watches it. ``drill`` marks everything
    it says as an exercise.
    """

    id: CameraId
    source: Reading = Reading()
    timezone: str = ""
    drill: bool = False
    tamper: TamperSettings = TamperSettings()


class CameraSettings(Strict, frozen=True, kw_only=True):
    """A watched camera with what the catalogue says of it. ``azimuth_deg``: None too where the camera turns."""

    id: CameraId
    name: str = ""
    place: Place
    source: SourceSettings
    azimuth_deg: float | None = None
    opening_deg: float = ASSUMED_OPENING_DEG
    timezone: str = ""
    drill: bool = False
    tamper: TamperSettings = TamperSettings()


class WorkerSection(Strict, frozen=True, kw_only=True):
    """The process. ``timezone`` (IANA) is for schedules of cameras that do not name their own.

    ``bursts``: how many looks that alerts ask for go on at once, the newest of the gravest alerts first.
    ``stretch_s``: how long a stretch of a camera may be open (s), hence in flight in the accounts, which wait two
    minutes.
    """

    name: Name = "vision"
    timezone: str = "America/Argentina/Cordoba"
    health_every_s: Annotated[float, msgspec.Meta(ge=0.2, le=3600)] = 10.0
    detections_every_s: Annotated[float, msgspec.Meta(ge=0.2, le=60)] = 1.0
    stretch_s: Annotated[float, msgspec.Meta(ge=1, le=60)] = 60.0
    event_backlog: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 2_000
    stop_within_s: Seconds = 2.0
    bursts: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4


class _Shared(Strict, Generic[E], frozen=True, kw_only=True):
    worker: WorkerSection = WorkerSection()
    detector: E
    gate: GateSettings = GateSettings()
    attention: AttentionSettings = AttentionSettings()
    tracker: TrackerSettings = TrackerSettings()
    zone: tuple[ZoneSettings, ...] = ()
    line: tuple[LineSettings, ...] = ()
    rule: tuple[AnyTrackRule, ...] = ()
    mask: tuple[MaskSettings, ...] = ()


class DetectorFile(msgspec.Struct, Generic[E], frozen=True, kw_only=True):
    """A settings file as far as its engine: whatever else stands there is the worker's."""

    detector: E


class VisionFile(_Shared[E], Generic[E], frozen=True, kw_only=True):
    """The whole file; ``detector`` is the chosen engine's own struct."""

    camera: Annotated[tuple[WatchedCamera, ...], msgspec.Meta(min_length=1)]


class VisionSettings(_Shared[E], Generic[E], frozen=True, kw_only=True):
    """The file with its cameras as the catalogue has them."""

    camera: tuple[CameraSettings, ...]

    def rules_of(self, camera: str) -> list[AnyTrackRule]:
        """Rules whose zone or line belongs to ``camera``."""
        places = {zone.id for zone in self.zone if zone.camera == camera} | {
            line.id for line in self.line if line.camera == camera
        }
        return [rule for rule in self.rule if _place_of(rule) in places]


AnyVisionSettings = VisionSettings[Any]
_AnyFile = VisionFile[Any]


def _place_of(rule: AnyTrackRule) -> str:
    """The zone's or line's id that a rule is about."""
    return rule.line if isinstance(rule, LineRule) else rule.zone


def load_settings(path: Path, cameras: Cameras) -> AnyVisionSettings:
    """Read and check a settings file; ``cameras`` is the catalogue.

    Raises ``ConfigFault`` with file, line, code and cure.
    """
    return parse_settings(text_of(path), file=str(path), folder=path.resolve().parent, cameras=cameras)


def load_detector_settings(path: Path) -> EngineSettings:
    """``[detector]`` alone, of a worker's file or of one that has nothing else. Raises ``ConfigFault``."""
    text, file = text_of(path), str(path)
    engine: Any = plugin(_engine(text, file)).Settings
    model: type[DetectorFile[Any]] = cast("Any", DetectorFile)[engine]
    found: EngineSettings = strict_toml.parse(text, model, file=file).detector
    return _beside(found, path.resolve().parent)


def parse_settings(text: str, *, file: str, folder: Path, cameras: Cameras) -> AnyVisionSettings:
    """The same from text; ``folder`` is what relative paths are relative to."""
    engine: Any = plugin(_engine(text, file)).Settings
    model: type[_AnyFile] = cast("Any", VisionFile)[engine]
    read = strict_toml.parse(text, model, file=file)
    for code, sentence, where, cure in (*_catalogue_faults(read, cameras), *_faults(read)):
        raise ConfigFault(code, sentence, file=file, line=strict_toml.locate(text, where), cure=cure)
    return _resolved(read, folder, cameras)


def _engine(text: str, file: str) -> str:
    """The engine's key, before the file is read for good: it decides which struct ``[detector]`` has."""
    try:
        table = tomllib.loads(text).get("detector", {})
    except tomllib.TOMLDecodeError:
        return "none"
    engine = table.get("engine") if isinstance(table, dict) else None
    if not isinstance(engine, str):
        raise ConfigFault(
            "config.missing_key",
            "key 'engine' is missing in detector",
            file=file,
            line=strict_toml.locate(text, ("detector",)),
            cure='add [detector] with engine = "openvino", or "none" to watch by motion only',
        )
    return engine


Fault = tuple[str, str, tuple[str | int, ...], str]


def _catalogue_faults(settings: _AnyFile, cameras: Cameras) -> Iterator[Fault]:
    for index, watched in enumerate(settings.camera):
        if watched.id not in cameras:
            yield (
                "vision.not_in_catalogue",
                f"camera '{watched.id}' is not in the camera catalogue",
                ("camera", index, "id"),
                "add it to the file that the centre file names as cameras, or correct the id",
            )
        elif not cameras[watched.id].stream:
            yield (
                "vision.no_stream",
                f"the camera catalogue has no stream for '{watched.id}'",
                ("camera", index, "id"),
                "give its stream in the catalogue",
            )


def _faults(settings: _AnyFile) -> Iterator[Fault]:
    yield from _double_ids(settings)
    cameras = {camera.id for camera in settings.camera}
    for index, camera in enumerate(settings.camera):
        try:
            ZoneInfo(camera.timezone or settings.worker.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            yield (
                "vision.timezone_unknown",
                f"there is no time zone '{camera.timezone}'",
                ("camera", index, "timezone"),
                "give an IANA name",
            )
    owners = [("zone", index, zone.id, zone.camera) for index, zone in enumerate(settings.zone)]
    owners += [("line", index, line.id, line.camera) for index, line in enumerate(settings.line)]
    owners += [("mask", index, mask.id, mask.camera) for index, mask in enumerate(settings.mask)]
    for kind, index, name, camera_id in owners:
        if camera_id not in cameras:
            yield (
                "vision.camera_unknown",
                f"{kind} '{name}' is of a camera that is not here",
                (kind, index, "camera"),
                "name a camera of this file",
            )
    for index, zone in enumerate(settings.zone):
        if len(zone.polygon) < 3 or not _in_picture(zone.polygon):
            yield (
                "vision.polygon_invalid",
                f"zone '{zone.id}' needs three or more points within 0..1",
                ("zone", index, "polygon"),
                "normalise: x / width, y / height",
            )
        if zone.axis is not None and (zone.axis[0] == zone.axis[1] or not _in_picture(zone.axis)):
            yield (
                "vision.axis_invalid",
                f"the axis of zone '{zone.id}' needs two different points within 0..1",
                ("zone", index, "axis"),
                "give the way that traffic may go, from its first point to its second",
            )
    for index, line in enumerate(settings.line):
        if line.points[0] == line.points[1] or not _in_picture(line.points):
            yield (
                "vision.line_invalid",
                f"line '{line.id}' needs two different points within 0..1",
                ("line", index, "points"),
                "normalise: x / width, y / height",
            )
    yield from _mask_faults(settings)
    yield from _rule_faults(settings)


def _mask_faults(settings: _AnyFile) -> Iterator[Fault]:
    for index, mask in enumerate(settings.mask):
        if len(mask.polygon) < 3 or not _in_picture(mask.polygon) or crosses_itself(mask.polygon):
            yield (
                "vision.mask_invalid",
                f"mask '{mask.id}' needs three or more points within 0..1 whose sides do not cross",
                ("mask", index, "polygon"),
                "give the corners in their order around what is hidden: x / width, y / height",
            )


def _rule_faults(settings: _AnyFile) -> Iterator[Fault]:
    zones, lines = {zone.id: zone for zone in settings.zone}, {line.id for line in settings.line}
    for index, rule in enumerate(settings.rule):
        kind, known = ("line", lines) if isinstance(rule, LineRule) else ("zone", set(zones))
        yield from _vehicle_faults(index, rule, zones)
        if _place_of(rule) not in known:
            yield (
                "vision.place_unknown",
                f"rule '{rule.id}' names a {kind} that is not here",
                ("rule", index, kind),
                f"add the [[{kind}]] or correct the name",
            )
        if not all(
            int(part[:2]) < 24 and int(part[3:]) < 60 for span in rule.schedule for part in span.split("-")
        ):
            yield (
                "vision.schedule_invalid",
                f"rule '{rule.id}' has an impossible time of day",
                ("rule", index, "schedule"),
                "write HH:MM-HH:MM, 00:00 to 23:59",
            )


def _vehicle_faults(index: int, rule: AnyTrackRule, zones: Mapping[str, ZoneSettings]) -> Iterator[Fault]:
    zone = zones.get(_place_of(rule))
    if isinstance(rule, WrongWayRule) and zone is not None and zone.axis is None:
        yield (
            "vision.axis_missing",
            f"rule '{rule.id}' asks which way traffic goes in zone '{zone.id}', which does not say",
            ("rule", index, "zone"),
            f"give [[zone]] '{zone.id}' an axis = [[x, y], [x, y]], the way that traffic may go",
        )
    strange = (
        set(rule.patience_s) - set(rule.classes) if isinstance(rule, StoppedRule) and rule.classes else set()
    )
    if strange:
        yield (
            "vision.patience_unknown",
            f"rule '{rule.id}' is patient with {', '.join(sorted(strange))}, which it is not about",
            ("rule", index, "patience_s"),
            "name classes of the rule's classes, or correct the name",
        )


def _double_ids(settings: _AnyFile) -> Iterator[Fault]:
    for kind, items in (
        ("camera", settings.camera),
        ("zone", settings.zone),
        ("line", settings.line),
        ("mask", settings.mask),
        ("rule", settings.rule),
    ):
        seen: set[str] = set()
        for index, item in enumerate(items):
            if item.id in seen:
                yield (
                    "vision.double_id",
                    f"{kind} '{item.id}' is there twice",
                    (kind, index, "id"),
                    "give each its own id",
                )
            seen.add(item.id)


def _in_picture(points: tuple[Point, ...]) -> bool:
    return all(0.0 <= value <= 1.0 for point in points for value in point)


def _beside(detector: E, folder: Path) -> E:
    """Its folders relative to that of its file."""
    for key in ("model_dir", "cache_dir"):
        if value := getattr(detector, key, ""):
            detector = msgspec.structs.replace(detector, **{key: str(folder / value)})
    return detector


def _resolved(read: _AnyFile, folder: Path, cameras: Cameras) -> AnyVisionSettings:
    detector = _beside(read.detector, folder)
    fields = {name: getattr(read, name) for name in read.__struct_fields__}
    masks = {
        each.id: tuple(mask.polygon for mask in read.mask if mask.camera == each.id) for each in read.camera
    }
    watched = tuple(_joined(each, cameras[each.id], folder, masks[each.id]) for each in read.camera)
    return VisionSettings(**fields | {"detector": detector, "camera": watched})


def _joined(
    watched: WatchedCamera, camera: Camera, folder: Path, masks: tuple[Polygon, ...]
) -> CameraSettings:
    url = camera.stream if "://" in camera.stream else str(folder / camera.stream)
    return CameraSettings(
        id=camera.id,
        name=camera.name,
        place=camera.place,
        azimuth_deg=None if camera.turns else camera.azimuth_deg,
        opening_deg=camera.opening_deg or ASSUMED_OPENING_DEG,
        source=SourceSettings(**msgspec.structs.asdict(watched.source), url=url, masks=masks),
        timezone=watched.timezone,
        drill=watched.drill or camera.drill,
        tamper=watched.tamper,
    )
