"""What a detector engine is. An engine's framework is imported inside its own module only, when it is chosen.

A plugin module offers ``Settings`` (a strict struct; its ``engine`` key must equal the plugin's key) and
``load(settings) -> Detector``. Third parties register theirs under the entry-point group ``cior.detectors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from cior_core.model import Struct
from cior_video.sources import Strict
from cior_vision.frames import Detections, Image


class EngineFacts(Struct, frozen=True, kw_only=True):
    """What stands behind every verdict: carried by each incident and by health. ``input_px`` is (height, width)."""

    engine: str
    version: str = ""
    model: str = ""
    model_sha256: str = ""
    input_px: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    remark: str = ""

    @property
    def sees_classes(self) -> bool:
        """Whether rules about classes mean anything with this engine."""
        return bool(self.labels)


class Detector(Protocol):
    """A loaded engine. Not thread-safe: one pipeline thread owns it."""

    @property
    def facts(self) -> EngineFacts:
        """Constant for the engine's life."""
        ...

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        """Objects of each picture, in order; boxes normalised to that picture.

        All cameras of the group are given together.
        """
        ...

    def close(self) -> None:
        """Release what the engine holds."""
        ...


class EngineSettings(Strict, frozen=True, kw_only=True):
    """What every engine has: its key."""

    engine: str


class Plugin(Protocol):
    """A plugin module."""

    KEY: str
    Settings: type[EngineSettings]

    def load(self, settings: EngineSettings) -> Detector:
        """Make the engine ready. Raises ``ConfigInvalid`` or ``IntegrityBroken``, never anything else."""
        ...


Device = Literal["CPU"]
