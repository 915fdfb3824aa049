"""Finds persons in single pictures, with the engine that a centre approved: for veils over footage that leaves.

A picture for which the engine has no result has none, whatever the reason: whoever asks veils it whole. Nothing is
guessed from the pictures before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import msgspec
import structlog

from cior_core.errors import CiorError, ConfigInvalid
from cior_vision.detectors.contract import Detector
from cior_vision.detectors.registry import plugin
from cior_vision.frames import Detections, Image
from cior_vision.settings import load_detector_settings

LOG = structlog.get_logger("cior.vision.persons")
PERSON: Final = "person"
LOWEST_SCORE: Final = 0.1
"""Persons are veiled from this score on, whatever the worker's file says (measured: research, vision §8)."""
_FAILURES: Final = (
    CiorError, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError, MemoryError,
    cv2.error,
)  # fmt: skip
Seen = tuple[float, float, float, float, float]
"""Left, top, right, bottom (shares of the picture) and score."""


class PersonSight:
    """Persons by one detector. Raises ``ConfigInvalid`` (``vision.no_persons``) for one that knows none."""

    def __init__(self, detector: Detector) -> None:
        labels = detector.facts.labels
        if PERSON not in labels:
            raise ConfigInvalid(
                "vision.no_persons",
                f"the engine '{detector.facts.engine}' with its model finds no persons",
                cure=f'name an engine whose model has the class "{PERSON}"',
            )
        self._detector, self._class = detector, labels.index(PERSON)
        self._is_failing = False

    @property
    def facts(self) -> Mapping[str, Any]:
        """Engine, version, model and its digest."""
        told = self._detector.facts
        return {
            "motor": told.engine, "version": told.version, "modelo": told.model, "modelo_sha256": told.model_sha256,
            "entrada_px": list(told.input_px) if told.input_px is not None else None, "puntaje_minimo": LOWEST_SCORE,
        }  # fmt: skip

    def look(self, picture: Image) -> tuple[Seen, ...] | None:
        """The persons of one picture; None when the engine failed or did not answer for just this one."""
        try:
            answers = self._detector.detect([picture])
            found = answers[0] if len(answers) == 1 else None
        except _FAILURES as error:
            self._told(error)
            return None
        if not isinstance(found, Detections):
            return None
        self._is_failing = False
        persons = found.only(frozenset({self._class}))
        return tuple(
            (float(box[0]), float(box[1]), float(box[2]), float(box[3]), float(score))
            for box, score in zip(persons.boxes, persons.scores, strict=True)
            if score >= LOWEST_SCORE
        )

    def close(self) -> None:
        """Let the engine go."""
        self._detector.close()

    def _told(self, error: Exception) -> None:
        """Once, not for each picture."""
        if not self._is_failing:
            self._is_failing = True
            LOG.error("detector_failed", kind=type(error).__name__, exc_info=error)


def open_person_sight(path: Path) -> PersonSight:
    """With the ``[detector]`` of a settings file, a vision worker's or one of its own.

    Raises ``ConfigInvalid`` (``config.*``, ``vision.*``) and ``IntegrityBroken`` (``vision.model_changed``).
    """
    settings = load_detector_settings(path)
    if getattr(settings, "confidence", LOWEST_SCORE) > LOWEST_SCORE:
        settings = msgspec.structs.replace(settings, confidence=LOWEST_SCORE)
    return PersonSight(plugin(settings.engine).load(settings))
