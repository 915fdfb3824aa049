"""A street we draw ourselves, so that tests, benchmarks and the demo need nobody's footage.

A walking figure with shading, shadow and a moving gait on a textured street, plus sensor noise (without it an
encoder repeats pictures exactly, which is what a frozen camera looks like). The figure is drawn well enough that a
detector trained on photographs calls it a person (YOLO11n: 0.75 to 0.9 at 120 to 240 px height). Deterministic: the
same :class:`Scene` gives the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from cior_vision.frames import Image
from cior_vision.geometry import Box
from cior_vision.rule_settings import Point

Canvas = NDArray[np.float32]
Colour = tuple[int, int, int]

SKIN: Colour = (120, 160, 205)
HAIR: Colour = (25, 30, 45)
SHOE: Colour = (30, 30, 35)
OVERSAMPLE = 4


@dataclass(frozen=True)
class Walker:
    """A figure with way points ``(second, x, y)`` of its ground point, normalised; absent before the first and after
    the last. Standing between two equal points it sways a little, as people do.
    """

    path: tuple[tuple[float, float, float], ...]
    height: float = 0.45
    shirt: Colour = (60, 40, 160)
    trousers: Colour = (90, 60, 40)

    def ground(self, at_s: float) -> Point | None:
        """Where it stands at ``at_s``; ``None`` when it is not in the scene."""
        for (t0, x0, y0), (t1, x1, y1) in zip(self.path, self.path[1:], strict=False):
            if t0 <= at_s <= t1:
                share = (at_s - t0) / (t1 - t0) if t1 > t0 else 0.0
                return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
        return None

    def walks(self, at_s: float) -> bool:
        """Whether it moves at ``at_s``."""
        now, soon = self.ground(at_s), self.ground(at_s + 0.05)
        return now is not None and soon is not None and now != soon

    def box(self, at_s: float) -> Box | None:
        """Its true box in a 16:9 picture, normalised: what a perfect detector would say."""
        ground = self.ground(at_s)
        if ground is None:
            return None
        half = 0.16 * self.height * 9 / 16
        return Box(ground[0] - half, ground[1] - self.height, ground[0] + half, ground[1])


@dataclass(frozen=True)
class Scene:
    """A clip to be.

    ``covered``, ``frozen`` and ``blurred`` are spans of seconds in which that happens to the camera.
    """

    walkers: tuple[Walker, ...]
    duration_s: float
    width_px: int = 640
    height_px: int = 360
    fps: int = 10
    noise: float = 3.0
    seed: int = 1
    covered: tuple[tuple[float, float], ...] = ()
    frozen: tuple[tuple[float, float], ...] = ()
    blurred: tuple[tuple[float, float], ...] = ()

    @property
    def pictures(self) -> int:
        """Number of pictures."""
        return round(self.duration_s * self.fps)


def loiterer(*, arrives_s: float = 2.0, stays_s: float = 20.0) -> Scene:
    """The demo camera's story: an empty street, somebody walks in from the left, stays in the middle, leaves to the
    right.
    """
    here = arrives_s + 4.0
    gone = here + stays_s
    path = ((arrives_s, -0.1, 0.86), (here, 0.5, 0.86), (gone, 0.5, 0.86), (gone + 4.0, 1.1, 0.86))
    return Scene(walkers=(Walker(path=path),), duration_s=gone + 8.0)


def render(scene: Scene) -> Iterator[Image]:
    """Every picture of the scene, in order."""
    street = _street(scene.width_px, scene.height_px, scene.seed)
    held: Image | None = None
    for index in range(scene.pictures):
        at_s = index / scene.fps
        if _during(scene.frozen, at_s) and held is not None:
            yield held
            continue
        held = _picture(scene, street, at_s, index)
        yield held


def encode(
    scene: Scene, path: Path, *, codec: str = "libx264", crf: int = 27, key_every_s: float = 1.0
) -> Path:
    """Write the scene as a video file (no B pictures; a key picture often, so that a joining viewer sees it soon) and
    return ``path``.
    """
    options = {"preset": "veryfast", "tune": "zerolatency", "threads": "1", "crf": str(crf)}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=scene.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = scene.width_px, scene.height_px, "yuv420p"
        stream.gop_size, stream.time_base = max(1, round(scene.fps * key_every_s)), Fraction(1, scene.fps)
        for index, image in enumerate(render(scene)):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = index, Fraction(1, scene.fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def _during(spans: tuple[tuple[float, float], ...], at_s: float) -> bool:
    return any(start <= at_s < end for start, end in spans)


def _picture(scene: Scene, street: Canvas, at_s: float, index: int) -> Image:
    rng = np.random.default_rng((scene.seed, index))
    noise = rng.normal(0.0, scene.noise, street.shape[:2]).astype(np.float32)[..., None]
    if _during(scene.covered, at_s):
        canvas = np.full_like(street, 14.0) + noise * 0.3
    else:
        canvas = street.copy()
        for walker in scene.walkers:
            _place(canvas, walker, at_s)
        if _during(scene.blurred, at_s):
            canvas = cv2.GaussianBlur(canvas, (0, 0), 6.0).astype(np.float32)
        canvas = canvas + noise
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _street(width: int, height: int, seed: int) -> Canvas:
    """House front with windows, pavement with joints, carriageway with texture."""
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.float32)
    front, kerb = int(height * 0.38), int(height * 0.5)
    image[:front], image[front:] = (175, 165, 158), (112, 114, 116)
    for column in range(9):
        for row in range(2):
            x, y = int(width * (column + 0.2) / 9), int(front * (row + 0.15) / 2)
            cv2.rectangle(image, (x, y), (x + width // 16, y + int(front * 0.32)), (70, 60, 55), -1)
    cv2.rectangle(image, (0, front), (width, kerb), (150, 152, 155), -1)
    for column in range(12):
        x = width * column // 12
        cv2.line(image, (x, front), (int(x * 1.1 - width * 0.05), kerb), (135, 137, 140), 1)
    cv2.line(image, (0, kerb), (width, kerb), (90, 90, 92), 3)
    patches = cv2.resize(rng.normal(0, 1, (height // 8, width // 8)).astype(np.float32), (width, height))
    image += patches[..., None] * 6 + rng.normal(0, 4, (height, width, 1)).astype(np.float32)
    return image


def _place(canvas: Canvas, walker: Walker, at_s: float) -> None:
    ground = walker.ground(at_s)
    if ground is None:
        return
    height_px, width_px = canvas.shape[:2]
    tall = walker.height * height_px
    walking = walker.walks(at_s)
    figure, mask = _figure(walker, tall, phase=at_s * 6.0 if walking else 0.8 + 0.25 * math.sin(at_s * 2.0))
    x, y = (
        ground[0] * width_px + (0.0 if walking else math.sin(at_s * 1.3) * 0.02 * tall),
        ground[1] * height_px,
    )
    _shadow(canvas, x, y, tall)
    left, top = int(x - figure.shape[1] / 2), int(y - figure.shape[0] + 0.03 * tall)
    x0, y0, x1, y1 = (
        max(0, left),
        max(0, top),
        min(width_px, left + figure.shape[1]),
        min(height_px, top + figure.shape[0]),
    )
    if x0 < x1 and y0 < y1:
        cut = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        canvas[y0:y1, x0:x1] = canvas[y0:y1, x0:x1] * (1 - mask[cut]) + figure[cut] * mask[cut]


def _shadow(canvas: Canvas, x: float, y: float, tall: float) -> None:
    shade = np.zeros(canvas.shape[:2], np.float32)
    cv2.ellipse(
        shade, (int(x + 0.1 * tall), int(y)), (int(0.22 * tall), int(0.035 * tall)), 0, 0, 360, 0.45, -1
    )
    canvas *= 1 - cv2.GaussianBlur(shade, (0, 0), tall * 0.02)[..., None]


class _Brush:
    """Draws in figure coordinates: x to the right of the axis, y up from the ground, in figure heights."""

    def __init__(self, tall: float) -> None:
        self.size = (int(tall * 1.1), int(tall * 0.7))
        self._unit = tall * OVERSAMPLE
        self._image = np.zeros((self.size[0] * OVERSAMPLE, self.size[1] * OVERSAMPLE, 3), np.uint8)
        self._mask = np.zeros(self._image.shape[:2], np.uint8)

    def at(self, point: Point) -> tuple[int, int]:
        """Pixel of a figure point."""
        return int(self._image.shape[1] / 2 + point[0] * self._unit), int(
            self._image.shape[0] - (0.03 + point[1]) * self._unit
        )

    def limb(self, start: Point, end: Point, width: float, colour: Colour) -> None:
        """A thick line with round ends."""
        thick = max(1, int(width * self._unit))
        cv2.line(self._image, self.at(start), self.at(end), colour, thick, cv2.LINE_AA)
        cv2.line(self._mask, self.at(start), self.at(end), 255, thick, cv2.LINE_AA)

    def oval(self, centre: Point, axes: Point, colour: Colour) -> None:
        """A filled ellipse."""
        size = (int(axes[0] * self._unit), int(axes[1] * self._unit))
        cv2.ellipse(self._image, self.at(centre), size, 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(self._mask, self.at(centre), size, 0, 0, 360, 255, -1, cv2.LINE_AA)

    def shape(self, points: tuple[Point, ...], colour: Colour) -> None:
        """A filled polygon."""
        corners = np.array([self.at(point) for point in points], np.int32)
        cv2.fillPoly(self._image, [corners], colour, cv2.LINE_AA)
        cv2.fillPoly(self._mask, [corners], 255, cv2.LINE_AA)

    def finish(self) -> tuple[Canvas, Canvas]:
        """Figure and mask at picture scale, lit from the right, with cloth texture."""
        size = (self.size[1], self.size[0])
        figure = cv2.resize(self._image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        mask = cv2.resize(self._mask, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
        light = np.linspace(0.77, 1.12, size[0], dtype=np.float32)[None, :, None]
        cloth = np.random.default_rng(3).normal(0, 14, (size[1], size[0])).astype(np.float32)
        lit = figure * light + cv2.GaussianBlur(cloth, (0, 0), 1.5)[..., None] * 2
        return lit.astype(np.float32), mask.astype(np.float32)


def _figure(walker: Walker, tall: float, *, phase: float) -> tuple[Canvas, Canvas]:
    brush = _Brush(tall)
    swing = math.sin(phase) * 0.11
    _arm(brush, -swing, _dim(walker.shirt, 0.75), _dim(SKIN, 0.8))
    _leg(brush, -swing, _dim(walker.trousers, 0.7))
    _leg(brush, swing, walker.trousers)
    brush.shape(
        (
            (-0.085, 0.80),
            (-0.05, 0.835),
            (0.05, 0.835),
            (0.085, 0.80),
            (0.075, 0.63),
            (0.08, 0.47),
            (-0.08, 0.47),
            (-0.075, 0.63),
        ),
        walker.shirt,
    )
    brush.shape(
        ((-0.085, 0.80), (-0.05, 0.835), (-0.03, 0.835), (-0.04, 0.47), (-0.08, 0.47), (-0.075, 0.63)),
        _dim(walker.shirt, 0.75),
    )
    brush.limb((0, 0.83), (0.005, 0.87), 0.05, _dim(SKIN, 0.85))
    _arm(brush, swing, _dim(walker.shirt, 0.88), SKIN)
    brush.oval((0.008, 0.925), (0.052, 0.068), SKIN)
    brush.oval((-0.012, 0.945), (0.052, 0.058), HAIR)
    brush.oval((0.02, 0.915), (0.036, 0.05), SKIN)
    brush.oval((0.052, 0.915), (0.01, 0.014), SKIN)
    return brush.finish()


def _arm(brush: _Brush, swing: float, sleeve: Colour, skin: Colour) -> None:
    brush.limb((0.0, 0.79), (swing, 0.62), 0.06, sleeve)
    brush.limb((swing, 0.62), (swing * 1.3 + 0.04, 0.47), 0.045, skin)
    brush.oval((swing * 1.3 + 0.045, 0.455), (0.025, 0.03), skin)


def _leg(brush: _Brush, swing: float, cloth: Colour) -> None:
    knee, foot = (swing * 0.8 + 0.01, 0.27), swing * 1.4 - 0.01
    brush.limb((0, 0.5), knee, 0.095, cloth)
    brush.limb(knee, (foot, 0.04), 0.07, cloth)
    brush.limb((foot, 0.025), (foot + 0.06, 0.018), 0.042, SHOE)


def _dim(colour: Colour, share: float) -> Colour:
    return int(colour[0] * share), int(colour[1] * share), int(colour[2] * share)
