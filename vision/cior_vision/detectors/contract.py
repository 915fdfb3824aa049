"""What a detector engine is. An engine's framework is imported inside its own module only, when it is chosen.

A plugin module offers ``Settings`` (a strict struct; its ``engine`` key must equal the plugin's key) and
``load(settings) -> Detector``. Third parties register theirs under the entry-point group ``cior.detectors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cior_core.model import Struct
from cior_video.sources import Strict
from cior_vision.frames import Detections, Image


class EngineFacts(Struct, frozen=True, kw_only=True):
    """What stands behind every verdict: carried by each incident and by health. ``input_px`` is (height, width).

    ``batch``: at most so many pictures of one call are looked at together (0: any number, none waits for another);
    ``wait_ms``: how long a picture may wait for others before such a call; ``calls``: how many calls at once it takes
    (one uploads while another computes). ``sizes_px``: smaller inputs (height, width) that it also has: a picture of
    exactly such a size is looked at as it is, at the cost of that size.
    """

    engine: str
    version: str = ""
    model: str = ""
    model_sha256: str = ""
    input_px: tuple[int, int] | None = None
    sizes_px: tuple[tuple[int, int], ...] = ()
    labels: tuple[str, ...] = ()
    batch: int = 0
    wait_ms: int = 0
    calls: int = 1
    remark: str = ""

    @property
    def sees_classes(self) -> bool:
        """Whether rules about classes mean anything with this engine."""
        return bool(self.labels)


class Detector(Protocol):
    """A loaded engine. At most ``facts.calls`` threads at a time call it, not always the one that loaded it."""

    @property
    def facts(self) -> EngineFacts:
        """Constant for the engine's life."""
        ...

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        """Objects of each picture, in order; boxes normalised to that picture.

        Pictures of different cameras, of any size, at most ``facts.batch`` of them.
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
