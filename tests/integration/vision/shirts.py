"""A detector that is not a network: it finds the shirts of our own synthetic figures by colour.

A real engine behind the plugin contract, so that the whole worker can be tested on real pixels where no model may be
shipped. And a sink that keeps what it gets.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cior_bus.message import MessageOut
from cior_core import codec
from cior_core.catalogue import KIND_OF_TOPIC, Kind
from cior_core.model import Event, RawRecord
from cior_vision.detectors.contract import EngineFacts
from cior_vision.frames import Detections, Image, no_detections

TORSO = (0.47, 0.835)
"""Lower and upper end of the shirt in figure heights (``cior_vision.synthetic``)."""


class ShirtDetector:
    """Each red shirt is a person whose height follows from the shirt's."""

    facts = EngineFacts(
        engine="shirts", version="1", model="by colour", model_sha256="0" * 64, labels=("person",)
    )

    def __init__(self) -> None:
        self.looked_at = 0

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        self.looked_at += len(frames)
        return [self._one(frame) for frame in frames]

    def close(self) -> None:
        pass

    def _one(self, frame: Image) -> Detections:
        blue, green, red = (frame[:, :, n].astype(int) for n in range(3))
        mask = ((red - green > 45) & (red - blue > 30)).astype(np.uint8)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        count, _, stats, centres = cv2.connectedComponentsWithStats(mask)
        rows = [
            self._box(stats[n], centres[n], frame)
            for n in range(1, count)
            if stats[n][cv2.CC_STAT_AREA] > 150
        ]
        if not rows:
            return no_detections()
        return Detections(
            boxes=np.array(rows, np.float32),
            scores=np.full(len(rows), 0.9, np.float32),
            classes=np.zeros(len(rows), np.int64),
        )

    @staticmethod
    def _box(stats: np.ndarray, centre: np.ndarray, frame: Image) -> tuple[float, float, float, float]:
        tall = stats[cv2.CC_STAT_HEIGHT] / (TORSO[1] - TORSO[0])
        top = stats[cv2.CC_STAT_TOP] - (1 - TORSO[1]) * tall
        height, width = frame.shape[:2]
        left, right = (centre[0] - 0.16 * tall) / width, (centre[0] + 0.16 * tall) / width
        return max(left, 0.0), max(top / height, 0.0), min(right, 1.0), min((top + tall) / height, 1.0)


class KeptRecords:
    """A sink that keeps every event and every stretch, decoded from its wire bytes."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.stretches: list[RawRecord] = []

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        for message in messages:
            kind = KIND_OF_TOPIC[message.topic]
            (self.stretches if kind is Kind.RAW else self.events).extend(codec.records(kind, message.value))

    def of(self, code: str) -> list[Event]:
        """Events of one type, in order."""
        return [event for event in self.events if event.type == code]
