"""What the page asks for: the file as it is, stills, a drawing tried on the clip, a drawing written. One at a time."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import cv2

from cior_core.errors import CapacityExhausted, ConfigInvalid, SourceUnavailable
from cior_core.model import Struct
from cior_vision.calibration.drawing import DRAWN, Drawing, redrawn
from cior_vision.calibration.keeping import digest_of, replaced
from cior_vision.calibration.parameters import PARAMETERS
from cior_vision.clips import Clip
from cior_vision.detectors.contract import Detector
from cior_vision.replay import chosen_camera, still_of
from cior_vision.rule_settings import AnyTrackRule, LineRule
from cior_vision.settings import AnyVisionSettings
from cior_vision.settings_file import text_of
from cior_vision.trying import Trial, settings_for_trial, try_clip

STILL_QUALITY: Final = 85
GATHERINGS: Final = frozenset({"crowd", "queue"})
"""Kinds of rules that count people."""
ZONE_KINDS: Final = (
    "intrusion", "loitering", "crowd", "queue", "stopped_vehicle", "wrong_way", "person_down", "abandoned_object",
    "dispersal",
)  # fmt: skip


class Saved(Struct, frozen=True, kw_only=True):
    """What was written: the file, the copy of the former (None: nothing had changed), the new digest."""

    file: str
    copy: str | None
    digest: str


class Bench:
    """The work behind the page, on one settings file and one clip."""

    def __init__(
        self,
        config: Path,
        clip: Clip,
        *,
        camera: str | None,
        detector: Detector,
        now_ms: Callable[[], int],
    ) -> None:
        """Raises what reading the file raises."""
        self._config, self._clip, self._detector, self._now_ms = config, clip, detector, now_ms
        self._busy = threading.Lock()
        self.camera = chosen_camera(self._settings(text_of(config)), camera or clip.camera).id

    def state(self) -> dict[str, Any]:
        """The file's own tables of this camera, and what may be asked."""
        text = text_of(self._config)
        tree, settings = tomllib.loads(text), self._settings(text)
        drawn = {
            kind: [row for row in tree.get(kind, []) if row.get("camera") == self.camera] for kind in DRAWN
        }
        written = {row["id"]: row for row in tree.get("rule", [])}
        rules = [_told(rule, written[rule.id]) for rule in settings.rules_of(self.camera)]
        return {
            **drawn,
            "rules": rules,
            "parameters": PARAMETERS,
            "camera": self.camera,
            "file": self._config.name,
            "digest": digest_of(text),
            "length_s": self._clip.length_s,
            "recorded": self._clip.ring is not None,
            "engine": self._detector.facts.engine,
            "sees_classes": self._detector.facts.sees_classes,
            "kinds": {"zone": ZONE_KINDS, "line": ("line_crossing",), "counted": sorted(GATHERINGS)},
        }

    def still(self, at_s: float) -> bytes:
        """The picture at ``at_s`` of the clip as JPEG, without what the file masks. Raises ``SourceUnavailable``."""
        settings = self._settings(text_of(self._config))
        frame = still_of(self._clip, chosen_camera(settings, self.camera).source, at_s)
        if frame is None:
            raise SourceUnavailable(
                "vision.no_pictures",
                "there is no picture at that second",
                cure="choose another second of the clip",
            )
        done, data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, STILL_QUALITY])
        assert done
        return data.tobytes()

    def tried(self, drawing: Drawing) -> Trial:
        """What the drawing's rules would have told; nothing is written."""
        with self._alone():
            settings = self._settings(self._drawn(drawing, text_of(self._config)))
            return try_clip(settings, self._clip, detector=self._detector, camera=self.camera)

    def saved(self, drawing: Drawing, *, before: str) -> Saved:
        """Write the drawing, if the file is still what ``before`` names and a worker would take it."""
        with self._alone():
            text = text_of(self._config)
            made = self._drawn(drawing, text)
            self._settings(made)
            if made == text and digest_of(text) == before:
                return Saved(file=self._config.name, copy=None, digest=before)
            kept = replaced(self._config, made, before=before, now_ms=self._now_ms())
            return Saved(file=self._config.name, copy=kept.name, digest=digest_of(made))

    def _drawn(self, drawing: Drawing, text: str) -> str:
        if drawing.camera != self.camera:
            raise ConfigInvalid(
                "vision.camera_unknown",
                "the drawing is of another camera",
                cure="reload the page and draw again",
            )
        return redrawn(text, drawing, file=self._config.name)

    def _settings(self, text: str) -> AnyVisionSettings:
        return settings_for_trial(text, file=self._config.name, folder=self._config.resolve().parent)

    def _alone(self) -> _Alone:
        return _Alone(self._busy)


class _Alone:
    """One try or save at a time: a second one is told to wait."""

    def __init__(self, busy: threading.Lock) -> None:
        self._lock = busy

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise CapacityExhausted(
                "vision.bench_busy", "another try is still going on", cure="wait until it has ended"
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _told(rule: AnyTrackRule, row: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with what the file itself gives it."""
    kind = str(type(rule).__struct_config__.tag)
    given = {one.name: row[one.name] for one in PARAMETERS[kind] if one.name in row}
    return {"id": rule.id, "kind": kind, "place": _place(rule), "version": rule.version, "given": given}


def _place(rule: Any) -> str:
    return rule.line if isinstance(rule, LineRule) else str(rule.zone)
