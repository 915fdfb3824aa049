"""What a camera's rules would have told of a clip, by the worker's own pipeline in stream time, and why a rule told
nothing. Nothing is published and nothing is written.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from cior_core import bundled, strict_toml
from cior_core.cameras import Camera, Cameras, is_camera_id
from cior_core.errors import SourceUnavailable
from cior_core.model import Event, Phase, Struct
from cior_core.strict_toml import ConfigFault
from cior_core.taxonomy import Taxonomy
from cior_vision.clips import Clip
from cior_vision.detectors.contract import Detector
from cior_vision.replay import Replay, chosen_camera, replay
from cior_vision.settings import AnyVisionSettings, parse_settings
from cior_vision.trial_notes import Context, Note, Watch, notes_of
from cior_vision.wording import said_labels


class Fired(Struct, frozen=True, kw_only=True):
    """An incident that would have been told. Seconds are of the clip: since when it was so, when it was told, when it
    ended (None: once, or still so at the end). ``alerting``: whether its type opens an alert by itself.
    """

    kind: str
    type: str
    level: str
    alerting: str
    rule: str
    version: int
    place: str
    since_s: float
    told_s: float
    end_s: float | None = None
    label: str
    label_es: str
    score: float | None
    tracks: tuple[int, ...]
    box: tuple[float, ...] | None
    es: str
    en: str


class Judged(Struct, frozen=True, kw_only=True):
    """A state of the picture in which its silence means nothing, from and to seconds of the clip."""

    condition: str
    es: str
    en: str
    from_s: float
    to_s: float | None = None


class Trial(Struct, frozen=True, kw_only=True):
    """Everything a clip led to. ``length_s``: of what was watched; ``start_ms`` None: nobody knows when it was."""

    camera: str
    start_ms: int | None
    length_s: float
    pictures: int
    detected: int
    engine: str
    model: str
    model_sha256: str
    fired: tuple[Fired, ...]
    conditions: tuple[Judged, ...]
    notes: tuple[Note, ...]


def settings_for_trial(text: str, *, file: str, folder: Path) -> AnyVisionSettings:
    """A worker's settings without the camera catalogue: where a camera stands changes nothing of what it would tell.

    Raises ``ConfigFault``, also (``vision.centre_file``) for the file of a centre.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        tree = {}  # said with its line below
    if "centre" in tree and "camera" not in tree:
        named = [str(each.get("file")) for each in tree.get("vision", []) if isinstance(each, dict)]
        raise ConfigFault(
            "vision.centre_file",
            "this is the file of a centre, not of a vision worker",
            file=file,
            line=strict_toml.locate(text, ("vision",)),
            cure=f"give the file that its [[vision]] names: {', '.join(named) or 'it names none yet'}",
        )
    rows = tree.get("camera", [])
    ids = (
        {str(row.get("id", "")) for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
    )
    stand_ins = Cameras(
        Camera(id=each, lat=0.0, lon=0.0, stream="clip") for each in ids if is_camera_id(each)
    )
    return parse_settings(text, file=file, folder=folder, cameras=stand_ins)


def try_clip(
    settings: AnyVisionSettings, clip: Clip, *, detector: Detector, camera: str | None = None
) -> Trial:
    """Run ``clip`` as ``camera`` (default: whose footage it is, else the first).

    Raises ``ConfigInvalid`` (an unknown camera, a class that the model lacks) and ``SourceUnavailable`` (no video, no
    pictures, a broken file).
    """
    chosen = chosen_camera(settings, camera or clip.camera)
    tried = settings if clip.start_ms is not None else _always_armed(settings)
    watch = Watch(tried, chosen)
    found = replay(tried, chosen, clip.runs, detector=detector, on_outcome=watch.see)
    if not found.pictures:
        raise SourceUnavailable(
            "vision.no_pictures",
            "the clip has no picture that can be shown",
            cure="it is cut short, damaged, or holds no key picture: give a whole one",
        )
    fired = _fired(found, clip.start_ms or 0)
    return Trial(
        camera=chosen.id,
        start_ms=clip.start_ms,
        length_s=round(watch.length_s, 2),
        pictures=found.pictures,
        detected=found.detected,
        engine=detector.facts.engine,
        model=detector.facts.model,
        model_sha256=detector.facts.model_sha256,
        fired=fired,
        conditions=_judged(found, clip.start_ms or 0),
        notes=notes_of(
            Context(settings=settings, clip=clip, engine=detector.facts, pictures=found.pictures),
            watch,
            told={one.rule for one in fired},
        ),
    )


def _always_armed(settings: AnyVisionSettings) -> AnyVisionSettings:
    rules = tuple(msgspec.structs.replace(rule, schedule=()) for rule in settings.rule)
    return msgspec.structs.replace(settings, rule=rules)


# --- what would have been told ---------------------------------------------------------------------------------------


def _fired(found: Replay, start_ms: int) -> tuple[Fired, ...]:
    kinds = Taxonomy.load(bundled.text("taxonomy.toml"))
    told: dict[str, Fired] = {}
    for event in found.events:
        at_s, facts = (event.occurred_ms - start_ms) / 1000, event.attributes
        if "incident" not in facts:
            continue
        # Each crossing of a line is one of its own.
        key = f"{facts['incident']}:{event.id}" if facts["stage"] == "once" else str(facts["incident"])
        if key not in told:
            told[key] = _begun(event, kinds, at_s, start_ms)
        elif event.phase is Phase.END and facts["reason"] != "stream_ended":
            told[key] = msgspec.structs.replace(told[key], end_s=round(at_s, 2))
        elif event.phase is Phase.UPDATE:
            told[key] = msgspec.structs.replace(told[key], tracks=tuple(facts["tracks"]))
    return tuple(sorted(told.values(), key=lambda one: (one.told_s, one.rule)))


def _begun(event: Event, kinds: Taxonomy, at_s: float, start_ms: int) -> Fired:
    kind, facts = kinds[event.type], event.attributes
    return Fired(
        kind=event.native_type or "",
        type=event.type,
        level=str(kind.level),
        alerting=str(kind.alerting),
        rule=facts["rule"],
        version=facts["rule_version"],
        place=facts["place"],
        since_s=round((facts["since_ms"] - start_ms) / 1000, 2),
        told_s=round(at_s, 2),
        label=facts["label"],
        label_es=said_labels(str(facts["label"]).split(",")).es,
        score=facts["score"],
        tracks=tuple(facts["tracks"]),
        box=None if facts["box"] is None else tuple(facts["box"]),
        es=": ".join(filter(None, (kind.name_es, facts.get("says_es")))),
        en=": ".join(filter(None, (kind.name_en, facts.get("says_en")))),
    )


def _judged(found: Replay, start_ms: int) -> tuple[Judged, ...]:
    told: list[Judged] = []
    kinds = Taxonomy.load(bundled.text("taxonomy.toml"))
    for event in found.events:
        if "condition" not in event.attributes:
            continue
        condition, at_s = str(event.attributes["condition"]), round((event.occurred_ms - start_ms) / 1000, 2)
        if event.phase is Phase.NEW:
            kind = kinds[event.type]
            told.append(Judged(condition=condition, es=kind.name_es, en=kind.name_en, from_s=at_s))
        else:
            told = [
                msgspec.structs.replace(one, to_s=at_s)
                if one.condition == condition and one.to_s is None
                else one
                for one in told
            ]
    return tuple(told)
