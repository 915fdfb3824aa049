"""Places that we draw: what a fixed camera looks at, with margins on all sides for when it is turned. Deterministic.

Grey, 0 to 255. Each kind is painted anew for each seed, so that no threshold can be fitted to one picture.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.float32]
WIDTH, HEIGHT = 640, 360
MARGIN = 180
WIDE, TALL = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
Painter = Callable[[np.random.Generator], Canvas]


def painted(kind: str, seed: int) -> Canvas:
    """The place, margins included."""
    rng = np.random.default_rng((seed, sum(kind.encode())))
    canvas = PAINTERS[kind](rng)
    return np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.7), 4, 250).astype(np.float32)


def clouded(rng: np.random.Generator, *, rough: float, octaves: int = 4) -> Canvas:
    """Texture as natural surfaces have it: at every scale half as strong as at the one above."""
    found = np.zeros((TALL, WIDE), np.float32)
    for octave in range(octaves):
        cells = 6 * 3**octave
        grain = rng.normal(0, rough / 1.6**octave, (max(2, cells * TALL // WIDE), cells)).astype(np.float32)
        found += cv2.resize(grain, (WIDE, TALL), interpolation=cv2.INTER_CUBIC)
    return found


def _ground(rng: np.random.Generator, horizon: int) -> Canvas:
    canvas = np.repeat(np.linspace(190, 150, TALL, dtype=np.float32)[:, None], WIDE, axis=1)
    below = np.linspace(95, 125, TALL - horizon, dtype=np.float32)[:, None] + rng.uniform(-20, 20)
    canvas[horizon:] = below
    canvas[horizon:] += clouded(rng, rough=5.0)[horizon:]
    return canvas


def _house(canvas: Canvas, rng: np.random.Generator, left: int, right: int, floor: int) -> None:
    top = floor - int(rng.integers(120, 300))
    tone = float(rng.uniform(60, 205))
    cv2.rectangle(canvas, (left, top), (right, floor), tone, -1)
    step = int(rng.integers(26, 46))
    for x in range(left + 8, right - 16, step):
        for y in range(top + 10, floor - 34, step + 8):
            cv2.rectangle(
                canvas, (x, y), (x + step // 2, y + step * 2 // 3), tone * rng.uniform(0.3, 0.7), -1
            )
    cv2.rectangle(canvas, (left + 12, floor - 44), (left + 32, floor), tone * 0.4, -1)


def _car(canvas: Canvas, rng: np.random.Generator, x: int, y: int) -> None:
    tone, long = float(rng.uniform(25, 220)), int(rng.integers(60, 100))
    cv2.rectangle(canvas, (x, y - 20), (x + long, y), tone, -1)
    cv2.rectangle(canvas, (x + long // 5, y - 34), (x + 4 * long // 5, y - 20), tone * 0.6, -1)
    for wheel in (long // 5, 4 * long // 5):
        cv2.circle(canvas, (x + wheel, y), 7, 20.0, -1)


def street(rng: np.random.Generator) -> Canvas:
    """House fronts, a pavement, parked cars, lamp posts."""
    floor = int(TALL * rng.uniform(0.5, 0.6))
    canvas, left = _ground(rng, floor), 0
    while left < WIDE:
        right = left + int(rng.integers(90, 190))
        _house(canvas, rng, left, right, floor)
        left = right
    cv2.rectangle(canvas, (0, floor + 30), (WIDE, floor + 38), 175.0, -1)
    for x in range(int(rng.integers(0, 90)), WIDE, int(rng.integers(130, 220))):
        _car(canvas, rng, x, floor + 70)
        cv2.line(canvas, (x - 20, floor - 210), (x - 20, floor + 30), 50.0, 5)
    return canvas


def plaza(rng: np.random.Generator) -> Canvas:
    """Trees, paving, benches, a monument."""
    horizon = int(TALL * rng.uniform(0.4, 0.5))
    canvas = _ground(rng, horizon)
    for x in range(-WIDE, 2 * WIDE, int(rng.integers(50, 80))):
        cv2.line(canvas, (WIDE // 2 + (x - WIDE // 2) // 3, horizon), (x, TALL), 165.0, 1)
    for y in np.geomspace(horizon + 8, TALL, 14).astype(int):
        cv2.line(canvas, (0, int(y)), (WIDE, int(y)), 80.0, 1)
    leaves = clouded(rng, rough=26.0, octaves=5)
    for _ in range(int(rng.integers(6, 10))):
        x, y = int(rng.integers(0, WIDE)), int(rng.integers(horizon - 130, horizon + 10))
        mask = np.zeros_like(canvas)
        cv2.ellipse(mask, (x, y), (int(rng.integers(45, 85)), int(rng.integers(50, 80))), 0, 0, 360, 1.0, -1)
        canvas[mask > 0] = (70 + leaves)[mask > 0]
        cv2.rectangle(canvas, (x - 5, y + 55), (x + 5, y + 130), 45.0, -1)
    for _ in range(5):
        x, y = int(rng.integers(0, WIDE)), int(rng.integers(horizon + 60, TALL))
        cv2.rectangle(canvas, (x, y - 12), (x + 60, y), float(rng.uniform(40, 70)), -1)
    middle = WIDE // 2 + int(rng.integers(-120, 120))
    cv2.rectangle(canvas, (middle - 22, horizon - 150), (middle + 22, horizon + 30), 205.0, -1)
    return canvas


def avenue(rng: np.random.Generator) -> Canvas:
    """Lanes that run away from the camera, signs, a row of buildings far off."""
    horizon = int(TALL * rng.uniform(0.33, 0.42))
    canvas = _ground(rng, horizon)
    for left in range(0, WIDE, 70):
        _house(canvas, rng, left, left + int(rng.integers(40, 70)), horizon + 4)
    vanishing = (WIDE // 2 + int(rng.integers(-90, 90)), horizon)
    for lane in range(-3, 4):
        far = (WIDE // 2 + lane * 210, TALL)
        for part in np.linspace(0.05, 0.95, 10):
            begin, end = (
                tuple(int(a + (b - a) * share) for a, b in zip(vanishing, far, strict=True))
                for share in (part**1.5, (part + 0.05) ** 1.5)
            )
            cv2.line(canvas, begin, end, 225.0, 1 + int(5 * part))
    for _ in range(6):
        x, y = int(rng.integers(0, WIDE)), int(rng.integers(horizon - 60, horizon + 60))
        cv2.line(canvas, (x, y), (x, y + 130), 60.0, 4)
        cv2.rectangle(canvas, (x - 18, y - 26), (x + 18, y), float(rng.uniform(150, 240)), -1)
        _car(canvas, rng, x, y + 190)
    return canvas


def yard(rng: np.random.Generator) -> Canvas:
    """A depot behind a fence: containers, gravel, a gate."""
    horizon = int(TALL * rng.uniform(0.3, 0.4))
    canvas = _ground(rng, horizon)
    canvas[horizon:] += clouded(rng, rough=12.0, octaves=5)[horizon:]
    for _ in range(14):
        x, y = int(rng.integers(0, WIDE)), int(rng.integers(horizon, TALL))
        wide, high = int(rng.integers(70, 180)), int(rng.integers(40, 80))
        tone = float(rng.uniform(45, 190))
        cv2.rectangle(canvas, (x, y - high), (x + wide, y), tone, -1)
        for rib in range(x, x + wide, 9):
            cv2.line(canvas, (rib, y - high), (rib, y), tone * 0.8, 1)
    for x in range(0, WIDE, 34):
        cv2.line(canvas, (x, horizon - 40), (x, horizon + 50), 60.0, 3)
    for y in (horizon - 40, horizon + 5, horizon + 50):
        cv2.line(canvas, (0, y), (WIDE, y), 70.0, 2)
    return canvas


def passage(rng: np.random.Generator) -> Canvas:
    """Indoors: walls that run together, doors, lamps, a floor of tiles."""
    canvas = np.full((TALL, WIDE), 150.0, np.float32) + clouded(rng, rough=3.0)
    middle = (WIDE // 2 + int(rng.integers(-70, 70)), TALL // 2 + int(rng.integers(-40, 20)))
    for corner in ((0, 0), (WIDE, 0), (0, TALL), (WIDE, TALL)):
        cv2.line(canvas, middle, corner, 60.0, 4)
    floor = np.array([middle, (0, TALL), (WIDE, TALL)], np.int32)
    cv2.fillPoly(canvas, [floor], 95.0)
    for y in np.geomspace(12, TALL - middle[1], 12):
        cv2.line(canvas, (0, middle[1] + int(y)), (WIDE, middle[1] + int(y)), 70.0, 1)
    for side in (-1, 1):
        for far in np.geomspace(60, WIDE // 2, 5):
            x, high = middle[0] + side * int(far), int(far * 0.42)
            tone = float(rng.uniform(40, 110))
            cv2.rectangle(
                canvas, (x, middle[1] - high), (x + side * int(far / 4), middle[1] + high), tone, -1
            )
    for far in np.geomspace(30, 250, 4):
        cv2.ellipse(canvas, (middle[0], middle[1] - int(far)), (int(far / 3), 5), 0, 0, 360, 240.0, -1)
    cv2.rectangle(canvas, (middle[0] - 18, middle[1] - 24), (middle[0] + 18, middle[1] + 26), 205.0, -1)
    return canvas


def wall(rng: np.random.Generator) -> Canvas:
    """Plaster, and nothing else."""
    return np.asarray(np.full((TALL, WIDE), rng.uniform(110, 190)) + clouded(rng, rough=0.6), np.float32)


PAINTERS: dict[str, Painter] = {each.__name__: each for each in (street, plaza, avenue, yard, passage, wall)}
