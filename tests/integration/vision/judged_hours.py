"""What the worker says of the drawn hours, held against what it must and may say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from cior_core.cameras import Cameras
from cior_core.model import Struct
from cior_vision.detectors.registry import plugin
from cior_vision.gate import GateSettings
from cior_vision.incidents import Condition
from cior_vision.replay import Replay, clip_replay
from cior_vision.rule_settings import TamperSettings
from cior_vision.settings import parse_settings
from integration.vision.drawn_hours import LIST, Clip, filmed

AFTERWARDS_S = 5.0
"""So long after it is over something may still be said of it."""
_CATALOGUE = """[[camera]]
id = "plaza"
name = "Plaza"
place = { lat = -32.95, lon = -60.64, district = "Centro" }
stream = "clip.mkv"
"""
_SETTINGS = """[worker]
[detector]
engine = "none"
[[camera]]
id = "plaza"
"""


class Judged(Struct, frozen=True, kw_only=True):
    """One clip. ``told``: each condition that was rightly said and how long after its beginning (s); ``missed``: one of
    these was to be said; ``wrong``: what was said and is not so, and when (s). ``gate_open``: share of the pictures.
    ``over_s``: how long after the end what had to be said was over; ``None`` where it had no end or was not said.
    """

    name: str
    told: dict[Condition, float]
    missed: tuple[Condition, ...]
    wrong: tuple[tuple[Condition, float], ...]
    gate_open: float
    over_s: float | None


def watched(clip: Clip, folder: Path) -> Replay:
    """The whole way from the coded stream to the conditions, as a camera's worker goes it with its own settings."""
    settings = parse_settings(_SETTINGS, file="camaras.toml", folder=folder, cameras=Cameras.load(_CATALOGUE))
    detector = plugin("none").load(settings.detector)
    return clip_replay(
        settings, filmed(clip, folder / "clip.mkv"), detector=detector, start_ms=1_795_780_800_000
    )


def judged(clip: Clip, replay: Replay) -> Judged:
    """What was said against what was to be said."""
    told, wrong, over_s = dict[Condition, float](), list[tuple[Condition, float]](), None
    for change in replay.changes:
        since_s, after_s = change.at_s - clip.begins_s, change.at_s - clip.ends_s
        is_its_time = since_s >= 0 and after_s <= AFTERWARDS_S
        if not change.active:
            over_s = after_s if change.condition in clip.must and after_s >= 0 else over_s
        elif change.condition in clip.always or (is_its_time and change.condition in (*clip.must, *clip.may)):
            told.setdefault(change.condition, since_s)
        else:
            wrong.append((change.condition, change.at_s))
    return Judged(
        name=clip.name,
        told=told,
        missed=() if not clip.must or set(clip.must) & set(told) else clip.must,
        wrong=tuple(wrong),
        gate_open=replay.gate_open / max(1, replay.pictures),
        over_s=over_s,
    )


def fingerprint() -> str:
    """Of the clips, of how they are drawn and of the thresholds: what the figures of the page hold for."""
    thresholds = (TamperSettings(), GateSettings())
    digest = hashlib.sha256(msgspec.json.encode(thresholds, order="deterministic"))
    for name in (LIST.name, "drawn_hours.py", "drawn_scenes.py", "drawn_weather.py"):
        digest.update(LIST.with_name(name).read_bytes())
    return digest.hexdigest()[:16]
