"""What an operator must see of each camera: how well it is watched, and by what.

Pure arithmetic on totals read at two instants.
"""

from __future__ import annotations

from collections import deque
from statistics import median

import msgspec

from cior_core.model import Struct
from cior_video.drops import as_rows
from cior_video.orientation import Turn
from cior_video.timing import PacedBy
from cior_vision.detectors.contract import EngineFacts
from cior_vision.incidents import Condition
from cior_vision.reader import Link, ReaderFacts


class PipelineFacts(Struct, frozen=True, kw_only=True):
    """Totals of one camera's pipeline since the start. ``parts``: of the ``detected`` ones, those of which a part was
    looked at.
    """

    pictures: int = 0
    detected: int = 0
    parts: int = 0
    gate_open: int = 0
    turn: Turn = Turn.NONE
    paced_by: PacedBy = PacedBy.STREAM


class CameraHealth(Struct, frozen=True, kw_only=True):
    """One interval of one camera.

    Rates are a second of that interval (``part_fps``: of the detected ones, those of which a part was looked at);
    ``inference_ms_*`` include the wait in the shared queue. ``batch``: how many
    pictures of all cameras the engine looks at together at most (0: any number; 1: no more than one). ``turned``: what
    was done to set the pictures upright, so what a box in an event is measured in. ``paced_by``: ``arrival`` where the
    stream's own time runs wrong.
    """

    link: Link
    interval_s: float
    packet_fps: float
    decoded_fps: float
    watched_fps: float
    detected_fps: float
    gate_open_share: float
    inference_ms_p50: float | None
    inference_ms_p95: float | None
    reconnects: int
    replaced_threads: int
    drops: list[dict[str, str | int | bool]]
    silent_s: float
    conditions: list[str]
    clock_offset_s: float | None
    last_error: str | None
    detector: str
    detector_version: str
    model: str
    model_sha256: str
    input_px: tuple[int, int] | None
    remark: str
    disabled_rules: list[str]
    part_fps: float = 0.0
    batch: int = 0
    turned: str = Turn.NONE.value
    paced_by: str = PacedBy.STREAM.value
    events_dropped: list[dict[str, str | int | bool]] = msgspec.field(default_factory=list)


class HealthMeter:
    """Turns totals into an interval's health; holds the last totals and the recent inference times of one camera."""

    def __init__(self, engine: EngineFacts, *, disabled_rules: list[str], now_s: float) -> None:
        self._engine = engine
        self._disabled = disabled_rules
        self._since_s = now_s
        self._reader: ReaderFacts | None = None
        self._pipeline = PipelineFacts()
        self._inference_ms: deque[float] = deque(maxlen=512)

    def inference(self, milliseconds: float) -> None:
        """One picture's way through the detector."""
        self._inference_ms.append(milliseconds)

    def measure(
        self, reader: ReaderFacts, pipeline: PipelineFacts, *, now_s: float, conditions: frozenset[Condition]
    ) -> CameraHealth:
        """Health since the last call; ``now_s`` monotonic."""
        interval_s = max(now_s - self._since_s, 1e-3)
        packets, decoded = (0, 0) if self._reader is None else (self._reader.packets, self._reader.decoded)
        pictures = pipeline.pictures - self._pipeline.pictures
        health = CameraHealth(
            link=reader.link,
            interval_s=round(interval_s, 3),
            packet_fps=round((reader.packets - packets) / interval_s, 2),
            decoded_fps=round((reader.decoded - decoded) / interval_s, 2),
            watched_fps=round(pictures / interval_s, 2),
            detected_fps=round((pipeline.detected - self._pipeline.detected) / interval_s, 2),
            part_fps=round((pipeline.parts - self._pipeline.parts) / interval_s, 2),
            gate_open_share=round((pipeline.gate_open - self._pipeline.gate_open) / pictures, 3)
            if pictures
            else 0.0,
            inference_ms_p50=self._quantile(0.5),
            inference_ms_p95=self._quantile(0.95),
            reconnects=max(0, reader.connections - 1),
            replaced_threads=reader.replaced_threads,
            drops=as_rows(reader.drops),
            silent_s=round(reader.silent_s, 1),
            conditions=sorted(str(condition) for condition in conditions),
            clock_offset_s=reader.clock_offset_s,
            last_error=reader.last_error,
            detector=self._engine.engine,
            detector_version=self._engine.version,
            model=self._engine.model,
            model_sha256=self._engine.model_sha256,
            input_px=self._engine.input_px,
            batch=self._engine.batch,
            remark=self._engine.remark,
            disabled_rules=self._disabled,
            turned=pipeline.turn.value,
            paced_by=pipeline.paced_by.value,
        )
        self._since_s, self._reader, self._pipeline = now_s, reader, pipeline
        return health

    def _quantile(self, share: float) -> float | None:
        if not self._inference_ms:
            return None
        ordered = sorted(self._inference_ms)
        value = median(ordered) if share == 0.5 else ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        return round(value, 1)
