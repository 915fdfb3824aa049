"""What looks at the camera in a demo, tried before anything starts, and what it found, in words at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from cior_core.cameras import Cameras
from cior_core.errors import ConfigInvalid
from cior_core.model import Event, EventItem, Item, Phase
from cior_video.drops import DropCounter
from cior_vision.detectors.contract import EngineFacts
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.detectors.registry import plugin
from cior_vision.pipeline import CameraPipeline
from cior_vision.settings import load_settings

_CONDITIONS = {"covered": "tapada / covered", "frozen": "congelada / frozen", "moved": "movida / moved"}
_ITEM = msgspec.json.Decoder(Item)


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of an OpenVINO export, and the digest of it that was approved."""

    folder: Path
    sha256: str


class Eyes(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that the camera's worker will have. ``off``: rules that it cannot follow; ``is_drawn``: it is shown
    the clip that we draw, in which somebody is to be found.
    """

    engine: EngineFacts
    off: tuple[str, ...]
    is_drawn: bool


def given_model(folder: Path | None, sha256: str) -> Model | None:
    """The model that the command line names. Its digest is the folder's own where none is given: who runs a demo
    approves what he points at. Raises ``ConfigInvalid``.
    """
    if folder is None:
        if sha256:
            raise ConfigInvalid(
                "demo.model_missing", "a digest without a model", cure="give its folder too: --model DIR"
            )
        return None
    if not folder.is_dir():
        raise ConfigInvalid(
            "demo.model_missing",
            f"there is no folder {folder}",
            cure="give the folder of an OpenVINO export of YOLO (*.xml, *.bin, metadata.yaml), or leave --model out",
        )
    return Model(folder=folder.resolve(), sha256=sha256 or folder_sha256(folder))


def tried(camera_file: Path, catalogue_file: Path, *, is_drawn: bool) -> Eyes:
    """Load the engine that the camera's file names, as its worker will, and let it go.

    Raises ``IntegrityBroken`` when the model is not the approved one, ``ConfigInvalid`` when it cannot be used.
    """
    settings = load_settings(camera_file, Cameras.load(catalogue_file.read_text(encoding="utf-8")))
    detector = plugin(settings.detector.engine).load(settings.detector)
    try:
        pipeline = CameraPipeline(settings, settings.camera[0], detector.facts, DropCounter())
        return Eyes(engine=detector.facts, off=tuple(pipeline.disabled_rules), is_drawn=is_drawn)
    finally:
        detector.close()


def announced(eyes: Eyes) -> str:
    """One line before the play: what the camera can see."""
    engine = eyes.engine
    if not engine.sees_classes:
        return (
            "cámara sin modelo: solo movimiento, no ve personas ni vehículos / camera without a model: motion only, "
            "it sees no people and no vehicles (--model DIR)"
        )
    return (
        f"cámara con detector / camera with a detector: {engine.engine} {engine.version}, {engine.model}, "
        f"sha256 {engine.model_sha256}"
    )


def events_in(log: Path) -> list[Event]:
    """The events of cameras in a recorded area log, each once, in order."""
    found: dict[str, Event] = {}
    for line in log.read_bytes().splitlines():
        item = _ITEM.decode(line)
        if isinstance(item, EventItem) and item.event.type.startswith(("vision.", "camera.")):
            found.setdefault(item.event.id, item.event)
    return list(found.values())


def told(eyes: Eyes, events: Iterable[Event], *, zone: str) -> list[str]:
    """The block to print: incidents by rule, picture conditions, and what this camera cannot see."""
    events = list(events)
    lines = ["Lo que vio la cámara / what the camera saw", f"  {announced(eyes)}"]
    lines += [f"  {line}" for line in _incidents(events, ZoneInfo(zone))]
    if eyes.engine.sees_classes and not incidents(events):
        lines.append(
            "  ninguna regla se cumplió / no rule was met: " + ("" if eyes.is_drawn else "con este video / ") +
            "nadie entró en la zona de la cámara / nobody entered the camera's zone"
        )  # fmt: skip
    if eyes.off:
        lines.append(
            f"  reglas apagadas, que piden un modelo / rules that are off for want of a model: {', '.join(eyes.off)}"
        )
    conditions = [each for each in events if each.type.startswith("camera.") and each.phase is Phase.NEW]
    for condition, group in groupby(sorted(conditions, key=_condition), key=_condition):
        lines.append(f"  imagen / picture: {_CONDITIONS.get(condition, condition)} ×{len(list(group))}")
    return lines


def incidents(events: Iterable[Event]) -> list[Event]:
    """The beginnings of what rules told."""
    return [each for each in events if each.type.startswith("vision.") and "rule" in each.attributes
            and each.phase is Phase.NEW]  # fmt: skip


def faults(eyes: Eyes, events: Iterable[Event]) -> list[str]:
    """In our own clip somebody comes, stays and goes: a detector that tells of nobody is not at work."""
    if eyes.engine.sees_classes and eyes.is_drawn and not incidents(events):
        return [
            "the camera has a detector and told no incident of its own clip, in which somebody comes and stays"
        ]
    return []


def _epoch(event: Event) -> int:
    """Of the camera's time line: tracks are numbered anew in each."""
    return int(event.attributes["time"]["origin_ms"])


def _condition(event: Event) -> str:
    return str(event.attributes.get("condition", event.type))


def _incidents(events: Iterable[Event], zone: ZoneInfo) -> Iterator[str]:
    starts = sorted(incidents(events), key=lambda each: (each.attributes["rule"], each.occurred_ms))
    for rule, group in groupby(starts, key=lambda each: str(each.attributes["rule"])):
        mine = list(group)
        first = mine[0]
        labels = sorted({str(each.attributes["label"]) for each in mine})
        tracks = {(_epoch(each), track) for each in mine for track in each.attributes["tracks"]}
        at = datetime.fromtimestamp(first.occurred_ms / 1000, tz=UTC).astimezone(zone)
        yield (
            f"{first.type} ({rule}) ×{len(mine)}: {', '.join(labels)}, "
            f"seguimientos / tracks {len(tracks)}, primero / first {at:%H:%M:%S}"
        )
