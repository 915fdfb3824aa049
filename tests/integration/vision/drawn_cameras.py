"""Cameras that we draw, and what happens to them: covered, moved, swaying, in fog, at night. Deterministic.

A case is ten seconds of an untouched view at five pictures a second, then what its name says. Scenes are drawn anew for
each seed, so that no threshold can be fitted to one of them. Even seeds were looked at while the thresholds were
chosen; odd ones were kept for the check at the end (``vision/README.md`` has its table).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cior_vision.frames import Image
from cior_vision.incidents import Condition

FPS = 5
WIDTH, HEIGHT = 640, 360
MARGIN = 340
BEFORE_S = 10.0
Canvas = NDArray[np.float32]
Touch = Callable[[Canvas, float, int], Canvas]
"""From the untouched canvas (with its margins), the seconds since the event, and the seed, to the picture's canvas."""


@dataclass(frozen=True)
class Case:
    """``expected``: what must hold at the end; ``allowed``: what may hold besides. Nothing else may ever be said."""

    name: str
    touch: Touch
    expected: frozenset[Condition]
    allowed: frozenset[Condition] = frozenset()
    lasts_s: float = 15.0
    noise: float = 2.5


def scene(seed: int) -> Canvas:
    """A view with margins on all sides: sky, ground, house fronts, poles, cars, patches. Values 0 to 255, grey."""
    rng = np.random.default_rng(seed)
    height, width = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    rows = np.linspace(170, 90, height, dtype=np.float32)[:, None]
    image = np.repeat(rows + rng.uniform(-15, 15), width, axis=1).astype(np.float32)
    horizon = int(height * rng.uniform(0.35, 0.5))
    image[horizon:] -= rng.uniform(10, 40)
    for _ in range(int(rng.integers(45, 75))):
        x, y = int(rng.integers(0, width)), int(rng.integers(horizon - 260, height))
        w, h = int(rng.integers(10, 130)), int(rng.integers(10, 110))
        tone = float(rng.uniform(25, 225))
        match rng.integers(0, 3):
            case 0:
                cv2.rectangle(image, (x, y), (x + w, y + h), tone, -1)
            case 1:
                cv2.ellipse(image, (x, y), (w // 2, h // 3), float(rng.uniform(0, 180)), 0, 360, tone, -1)
            case _:
                end = (x + int(rng.integers(-150, 150)), y + int(rng.integers(-80, 80)))
                cv2.line(image, (x, y), end, tone, int(rng.integers(2, 7)))
    grain = cv2.resize(rng.normal(0, 7, (height // 5, width // 5)).astype(np.float32), (width, height))
    return np.asarray(cv2.GaussianBlur(image + grain, (0, 0), 0.8), np.float32)


def crop(
    canvas: Canvas, right: float = 0.0, down: float = 0.0, *, turn: float = 0.0, zoom: float = 1.0
) -> Canvas:
    """The camera's picture of the scene, when it looks ``right``/``down`` pixels of 640x360 elsewhere, twisted by
    ``turn`` degrees.
    """
    matrix = cv2.getRotationMatrix2D((MARGIN + WIDTH / 2 + right, MARGIN + HEIGHT / 2 + down), turn, zoom)
    matrix[:, 2] -= np.array([MARGIN + right, MARGIN + down])
    return np.asarray(cv2.warpAffine(canvas, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR), np.float32)


def pictures(case: Case, seed: int) -> Iterator[Image]:
    """The case's pictures, noise of the sensor included."""
    canvas, rng = scene(seed), np.random.default_rng((seed, 7))
    bank = [rng.normal(0.0, case.noise, (HEIGHT, WIDTH)).astype(np.float32) for _ in range(4)]
    for index in range(round((BEFORE_S + case.lasts_s) * FPS)):
        since_s = index / FPS - BEFORE_S
        picture = crop(canvas) if since_s < 0 else case.touch(canvas, since_s, seed)
        shift = rng.integers(0, HEIGHT), rng.integers(0, WIDTH)
        noisy = picture + np.roll(bank[index % 4], shift, axis=(0, 1))
        grey = np.clip(noisy, 0, 255).astype(np.uint8)
        yield np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


# --- what is put before the lens ----------------------------------------------------------------------------------


def _mask(place: str, share: float) -> Canvas:
    """1 where the cover is, of about ``share`` of the picture."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    across, along = round(WIDTH * share), round(HEIGHT * share)
    side = share**0.5
    tall, wide = round(HEIGHT * side), round(WIDTH * side)
    match place:
        case "left":
            mask[:, :across] = 1
        case "right":
            mask[:, WIDTH - across :] = 1
        case "top":
            mask[:along] = 1
        case "bottom":
            mask[HEIGHT - along :] = 1
        case "corner":
            mask[:tall, :wide] = 1
        case _:
            top, left = (HEIGHT - tall) // 2, (WIDTH - wide) // 2
            mask[top : top + tall, left : left + wide] = 1
    return mask


def covered(place: str, share: float, *, tone: float = 30.0, soft: float = 0.0, cloth: bool = False) -> Touch:
    """An opaque thing; ``soft``: its edge out of focus by so many pixels; ``cloth``: with a pattern of its own."""
    mask = _mask(place, share)
    if soft:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)

    def touch(canvas: Canvas, since_s: float, seed: int) -> Canvas:
        thing = np.full((HEIGHT, WIDTH), tone, np.float32)
        if cloth:
            rng = np.random.default_rng(seed + 900)
            weave = cv2.resize(rng.normal(0, 35, (30, 50)).astype(np.float32), (WIDTH, HEIGHT))
            thing += np.asarray(weave, np.float32)
        return crop(canvas) * (1 - mask) + thing * mask

    return touch


def sprayed(place: str, share: float, *, veil: float = 0.85, tone: float = 120.0) -> Touch:
    """Paint or grease on the glass: out of focus, and most of the light is its own."""
    mask = np.asarray(cv2.GaussianBlur(_mask(place, share), (0, 0), 25.0), np.float32)

    def touch(canvas: Canvas, since_s: float, seed: int) -> Canvas:
        clear = crop(canvas)
        smeared = cv2.GaussianBlur(clear, (0, 0), 14.0) * (1 - veil) + tone * veil
        return np.asarray(clear * (1 - mask) + smeared * mask, np.float32)

    return touch


def lorry(share: float, *, stays_s: float) -> Touch:
    """A big thing with edges of its own stands before the view for a while."""
    inside = covered("right", share, tone=180.0, cloth=True)
    return lambda canvas, since_s, seed: inside(canvas, since_s, seed) if since_s < stays_s else crop(canvas)


# --- where it looks -----------------------------------------------------------------------------------------------


def moved(
    right: float, down: float = 0.0, *, turn: float = 0.0, zoom: float = 1.0, takes_s: float = 0.0
) -> Touch:
    """Shares of the picture's width and height; over ``takes_s`` seconds when it sags."""

    def touch(canvas: Canvas, since_s: float, seed: int) -> Canvas:
        part = 1.0 if takes_s == 0 else min(1.0, since_s / takes_s)
        return crop(canvas, right * WIDTH * part, down * HEIGHT * part, turn=turn * part, zoom=zoom)

    return touch


def toured(right: float, *, away_s: float) -> Touch:
    """Somebody turns it, and turns it back."""
    there = moved(right)
    return lambda canvas, since_s, seed: there(canvas, since_s, seed) if since_s < away_s else crop(canvas)


def swaying(across: float, down: float, hertz: float, *, roll: float = 0.0) -> Touch:
    """A pole in the wind: amplitudes in pixels of 640, degrees of roll."""

    def touch(canvas: Canvas, since_s: float, seed: int) -> Canvas:
        angle = 2 * np.pi * hertz * since_s + seed
        now = float(np.sin(angle))
        return crop(canvas, across * now, down * float(np.sin(1.37 * angle + 1)), turn=roll * now)

    return touch


# --- weather and light --------------------------------------------------------------------------------------------


def fog(left: float, *, takes_s: float = 0.0, depth: bool = False) -> Touch:
    """``left``: what share of the contrast is left in the end; ``depth``: far (upper) parts lose more."""

    def touch(canvas: Canvas, since_s: float, seed: int) -> Canvas:
        part = 1.0 if takes_s == 0 else min(1.0, since_s / takes_s)
        dense = (1 - left) * part
        thick = np.full((HEIGHT, 1), dense, np.float32)
        if depth:
            thick = np.linspace(min(1.0, dense * 1.06), dense * 0.75, HEIGHT, dtype=np.float32)[:, None]
        return np.asarray(crop(canvas) * (1 - thick) + 185.0 * thick, np.float32)

    return touch


def darker(gain: float, *, takes_s: float = 0.0) -> Touch:
    """Night falls, or all at once the lamps are out."""

    def touch(canvas: Canvas, since_s: float, seed: int) -> Canvas:
        part = 1.0 if takes_s == 0 else min(1.0, since_s / takes_s)
        return np.asarray(crop(canvas) * (1 - (1 - gain) * part), np.float32)

    return touch


def infrared() -> Touch:
    """The lamp comes on: bright in the middle, dark at the rim, tones of paint and leaves are others."""

    def touch(canvas: Canvas, since_s: float, seed: int) -> Canvas:
        y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
        lamp = np.exp(-(x**2 + y**2)).astype(np.float32)
        return np.asarray(255 * (crop(canvas) / 255) ** 0.6 * lamp * 0.9, np.float32)

    return touch


def shadows() -> Touch:
    """Clouds: half the picture is at times darker by a third."""

    def touch(canvas: Canvas, since_s: float, seed: int) -> Canvas:
        edge = np.clip((np.arange(WIDTH) - WIDTH * (since_s % 10) / 10) / 60, 0, 1).astype(np.float32)
        return np.asarray(crop(canvas) * (1 - 0.35 * edge[None, :]), np.float32)

    return touch


def untouched() -> Touch:
    """Nothing happens."""
    return lambda canvas, _since_s, _seed: crop(canvas)


def blurred() -> Touch:
    """Out of focus."""
    return lambda canvas, _since_s, _seed: np.asarray(cv2.GaussianBlur(crop(canvas), (0, 0), 8.0), np.float32)


_COVERED, _MOVED = frozenset({Condition.COVERED}), frozenset({Condition.MOVED})
_NONE = frozenset[Condition]()
_FLAT = frozenset({Condition.LOW_CONTRAST})
_DARK = frozenset({Condition.LOW_LIGHT})

CASES: tuple[Case, ...] = (
    *(
        Case(f"covered {share:.0%} {place}", covered(place, share), _COVERED)
        for place, share in (
            ("left", 0.4),
            ("right", 0.5),
            ("top", 0.65),
            ("bottom", 0.65),
            ("corner", 0.5),
            ("centre", 0.8),
            ("left", 0.9),
            ("centre", 1.0),
        )
    ),
    Case("covered, white card", covered("top", 0.6, tone=225.0), _COVERED),
    Case("covered, edge out of focus", covered("left", 0.65, tone=60.0, soft=30.0), _COVERED),
    Case("covered, patterned cloth", covered("right", 0.7, tone=110.0, cloth=True), _COVERED, lasts_s=40.0),
    Case("sprayed, two thirds", sprayed("left", 0.67), _COVERED),
    Case(
        "sprayed, all but a rim", sprayed("centre", 0.8, veil=0.92), _COVERED, _FLAT | {Condition.DEFOCUSED}
    ),
    Case("a lorry passes", lorry(0.5, stays_s=6.0), _NONE),
    Case("a lorry parks", lorry(0.2, stays_s=99.0), _NONE, lasts_s=40.0),
    Case("moved by a third", moved(0.33, 0.15), _MOVED),
    Case("moved by a fifth down", moved(0.0, 0.2), _MOVED),
    Case("moved by a tenth", moved(-0.1), _MOVED),
    Case("moved by a twentieth", moved(0.05, 0.02), _MOVED),
    Case("moved by a thirtieth", moved(-0.033), _MOVED),
    Case("sags slowly", moved(0.02, 0.12, takes_s=60.0), _MOVED, lasts_s=70.0),
    Case("twisted", moved(0.0, turn=25.0), _MOVED, lasts_s=40.0),
    Case("turned away", moved(0.5, -0.4), _MOVED, lasts_s=40.0),
    Case("turned and turned back", toured(0.25, away_s=10.0), _NONE, _MOVED, lasts_s=20.0),
    Case("moved by a hundredth", moved(0.01), _NONE),
    Case("sways little", swaying(1.5, 1.0, 0.7), _NONE),
    Case("sways much", swaying(5.0, 3.0, 0.9, roll=0.15), _NONE),
    Case("fog at once", fog(0.06), _FLAT),
    Case("fog in half a minute", fog(0.05, takes_s=30.0), _FLAT, lasts_s=45.0),
    Case("fog, thicker far off", fog(0.1, depth=True), _NONE, _FLAT),
    Case("thin fog", fog(0.4, takes_s=10.0), _NONE),
    Case("night falls", darker(0.02, takes_s=60.0), _DARK, lasts_s=75.0, noise=1.5),
    Case("dark at once, a trace is seen", darker(0.06), _DARK, noise=0.8),
    Case("dusk", darker(0.35, takes_s=40.0), _NONE, lasts_s=50.0),
    Case("the infrared lamp comes on", infrared(), _NONE, lasts_s=40.0),
    Case("clouds", shadows(), _NONE, lasts_s=30.0),
    Case("nothing", untouched(), _NONE, lasts_s=60.0),
    Case("nothing, a noisy sensor", untouched(), _NONE, lasts_s=30.0, noise=8.0),
    Case("out of focus", blurred(), frozenset({Condition.DEFOCUSED}), lasts_s=30.0),
)
"""All kinds. Conditions need up to half a minute; ``lasts_s`` gives it to them."""
