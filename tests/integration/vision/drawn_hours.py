"""Three hours of cameras that we draw, kept as data: ``drawn_hours.toml`` says of each clip where it is, what goes on
there, what is done to the camera and when, and what must and may be said of it. Coded by x264, so that a codec's own
noise is in it. Deterministic; ``benchmarks/bench_vision_conditions.py`` runs them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import msgspec
import numpy as np

from cior_vision.frames import Grey
from cior_vision.incidents import Condition
from integration.vision import drawn_weather as weather
from integration.vision.drawn_scenes import HEIGHT, MARGIN, WIDTH, Canvas, painted

LIST = Path(__file__).with_suffix(".toml")
FPS = 5
"""What the worker asks a camera's sub-stream for."""


class Clip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera for ``lasts_s``. ``done`` happens to it from ``begins_s`` to ``ends_s``, as much as ``amount`` says.

    One of ``must`` is to be said meanwhile; those and ``may`` are no false word then. ``always``: what may be said at
    any time. ``is_reported``: not looked at while thresholds were chosen.
    """

    name: str
    seed: int
    is_reported: bool
    place: str
    lasts_s: float
    light: str = "day"
    around: tuple[str, ...] = ()
    done: str = ""
    amount: float = 0.0
    begins_s: float = 0.0
    ends_s: float = 0.0
    must: tuple[Condition, ...] = ()
    may: tuple[Condition, ...] = ()
    always: tuple[Condition, ...] = ()
    crf: int = 28
    key_every_s: float = 2.0

    @property
    def kind(self) -> str:
        """What is done to the camera, or ``nothing``."""
        return self.name.partition(":")[0] if ":" in self.name else "nothing"


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    clip: tuple[Clip, ...]


def clips() -> tuple[Clip, ...]:
    """All of them, in the order of the list."""
    return msgspec.toml.decode(LIST.read_bytes(), type=_List).clip


def pictures(clip: Clip) -> Iterator[Grey]:
    """Grey pictures, five a second."""
    camera = _Camera(clip)
    for number in range(round(clip.lasts_s * FPS)):
        yield camera.picture(number)


def filmed(clip: Clip, path: Path) -> Path:
    """The clip as a camera sends it: H.264, no pictures that refer forward."""
    options = {"preset": "veryfast", "tune": "zerolatency", "threads": "1", "crf": str(clip.crf)}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size, stream.time_base = round(clip.key_every_s * FPS), Fraction(1, FPS)
        for number, image in enumerate(pictures(clip)):
            frame = av.VideoFrame.from_ndarray(image, format="gray")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class _Camera:
    """What its lens and its sensor make of the place."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._place = painted(clip.place, clip.seed)
        self._rng = np.random.default_rng((clip.seed, 11))
        self._around = [
            weather.KINDS[kind](clip.seed) for kind in clip.around if kind not in weather.CAMERAS_OWN
        ]
        noise = {"day": 2.0, "dusk": 3.0}.get(clip.light, 4.0)
        self._noise = [self._rng.normal(0, noise, (HEIGHT, WIDTH)).astype(np.float32) for _ in range(6)]
        self._held: Canvas | None = None

    def picture(self, number: int) -> Grey:
        """As it leaves the camera."""
        at_s, clip = number / FPS, self._clip
        part = (
            weather.part_of(clip.done, at_s - clip.begins_s) if clip.begins_s <= at_s < clip.ends_s else None
        )
        is_frozen = part is not None and clip.done == "frozen"
        if not is_frozen or self._held is None:
            self._held = self._seen(at_s, part, number)
        image = np.clip(self._held, 0, 255).astype(np.uint8)
        return weather.with_clock(image, at_s) if "clock" in clip.around else image

    def _seen(self, at_s: float, part: float | None, number: int) -> Canvas:
        clip = self._clip
        done, amount = (clip.done, clip.amount * part) if part is not None else ("", 0.0)
        view = self._looked(at_s, done, amount)
        light = weather.LIGHT_AFTER.get(done, clip.light)
        for one in self._around:
            view = one.over(view, at_s)
        view = weather.lit(view, light)
        for one in self._around:
            view = one.shining(view, at_s, light)
        if done in weather.DONE:
            view = weather.DONE[done](view, amount, clip.seed)
        shift = (int(self._rng.integers(HEIGHT)), int(self._rng.integers(WIDTH)))
        return np.asarray(view + np.roll(self._noise[number % 6], shift, axis=(0, 1)), np.float32)

    def _looked(self, at_s: float, done: str, amount: float) -> Canvas:
        """Where it points: turned by somebody, swaying on its pole."""
        right, down, roll = weather.turned(done, amount, self._clip.seed)
        if "pole" in self._clip.around:
            angle = 2 * np.pi * 0.9 * at_s + self._clip.seed
            right, down = right + 4.0 * np.sin(angle), down + 2.0 * np.sin(1.37 * angle + 1)
            roll += 0.08 * np.sin(angle)
        if right == down == roll == 0.0:
            return self._place[MARGIN : MARGIN + HEIGHT, MARGIN : MARGIN + WIDTH].copy()
        centre = (MARGIN + WIDTH / 2 + right, MARGIN + HEIGHT / 2 + down)
        matrix = cv2.getRotationMatrix2D(centre, roll, 1.0)
        matrix[:, 2] -= np.array([MARGIN + right, MARGIN + down])
        return np.asarray(cv2.warpAffine(self._place, matrix, (WIDTH, HEIGHT)), np.float32)
