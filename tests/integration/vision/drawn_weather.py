"""What goes on around a drawn camera (people, rain, headlights), its light, and what is done to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from integration.vision.drawn_scenes import HEIGHT, WIDTH, Canvas

ROWS, COLUMNS = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
CAMERAS_OWN = frozenset({"pole", "clock"})
"""What the camera does itself."""


# --- light --------------------------------------------------------------------------------------------------------

_LAMPS = sum(
    np.exp(-(((COLUMNS - x) / 0.35) ** 2) - ((ROWS - y) / 0.6) ** 2)
    for x, y in ((-0.75, 0.1), (-0.1, -0.1), (0.6, 0.15))
).astype(np.float32)
_RIM = np.exp(-(COLUMNS**2 + ROWS**2) * 0.9).astype(np.float32)


def lit(view: Canvas, light: str) -> Canvas:
    """The view in daylight, at dusk, under street lamps, by the camera's own infrared lamp or without any."""
    match light:
        case "day":
            return view
        case "dusk":
            return view * np.float32(0.45)
        case "lamps":
            return np.asarray(view * (0.14 + 0.5 * _LAMPS), np.float32)
        case "infrared":
            return np.asarray(255 * (view / 255) ** 0.7 * (0.15 + 0.8 * _RIM), np.float32)
        case _:
            return view * np.float32(0.015) + 3.0


LIGHT_AFTER = {"infrared_on": "infrared", "infrared_off": "day", "lamps_out": "unlit"}
"""What the light is while that happens."""


# --- around -------------------------------------------------------------------------------------------------------


class Around:
    """Something that goes on. ``over`` is lit like the place, ``shining`` brings light of its own or is the air."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng((seed, 23))

    def over(self, view: Canvas, _at_s: float) -> Canvas:
        """Something in the place."""
        return view

    def shining(self, view: Canvas, _at_s: float, _light: str) -> Canvas:
        """Something that is not lit by it."""
        return view


class People(Around):
    """Half a dozen who walk to and fro."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._all = [
            (self.rng.uniform(0, 900), self.rng.uniform(18, 60) * self.rng.choice([-1, 1]),
             self.rng.uniform(0.55, 0.98), self.rng.uniform(20, 220))
            for _ in range(6)
        ]  # fmt: skip

    def over(self, view: Canvas, at_s: float) -> Canvas:
        for begins, speed, depth, tone in self._all:
            x, y, tall = int((begins + speed * at_s) % 900) - 130, int(depth * HEIGHT), int(90 * depth**2)
            step = int(0.12 * tall * np.sin(at_s * 7 + begins))
            cv2.line(view, (x, y - tall // 2), (x + step, y), tone * 0.5, max(2, tall // 9))
            cv2.line(view, (x, y - tall // 2), (x - step, y), tone * 0.5, max(2, tall // 9))
            cv2.ellipse(view, (x, y - 2 * tall // 3), (tall // 7, tall // 4), 0, 0, 360, tone, -1)
            cv2.circle(view, (x, y - tall), max(2, tall // 10), 150.0, -1)
        return view


class Lorry(Around):
    """A bus or a lorry stands before a fifth of the view for eight seconds of each half minute."""

    def over(self, view: Canvas, at_s: float) -> Canvas:
        since_s = at_s % 30.0
        if not 8.0 <= since_s < 20.0:
            return view
        left = WIDTH * (1 - min(1.0, since_s - 8.0)) + WIDTH * max(0.0, since_s - 19.0)
        x = int(left + 0.55 * WIDTH)
        cv2.rectangle(view, (x, 130), (x + 280, 330), 190.0, -1)
        for window in range(x + 12, x + 270, 44):
            cv2.rectangle(view, (window, 150), (window + 32, 205), 60.0, -1)
        return view


class Trees(Around):
    """Three crowns in the wind, a fifth of the view."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        mask = np.zeros((110, 180), np.float32)
        cv2.ellipse(mask, (90, 55), (80, 46), 0, 0, 360, 1.0, -1)
        self._mask = cv2.GaussianBlur(mask, (0, 0), 2.0)
        coarse, fine = (self.rng.normal(70, 28, size).astype(np.float32) for size in ((14, 22), (40, 66)))
        self._leaves = (cv2.resize(coarse, (180, 110)) + cv2.resize(fine, (180, 110))) / 2
        self._at = [(40 + 200 * n + int(self.rng.integers(-30, 30)), 15 + 30 * n) for n in range(3)]

    def over(self, view: Canvas, at_s: float) -> Canvas:
        for n, (x, y) in enumerate(self._at):
            sway = 5.0 * np.sin(2 * np.pi * 0.6 * at_s + n) + 3.0 * np.sin(2 * np.pi * 1.3 * at_s + 2 * n)
            matrix = np.array([[1.0, 0.06 * np.sin(at_s * 5 + n), sway], [0.0, 1.0, 0.4 * sway]], np.float32)
            leaves, mask = (cv2.warpAffine(one, matrix, (180, 110)) for one in (self._leaves, self._mask))
            here = (slice(y, y + 110), slice(x, x + 180))
            view[here] = view[here] * (1 - mask) + leaves * mask
        return view


class Rain(Around):
    """Streaks before everything, and less contrast behind them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._bank = []
        for _ in range(5):
            streaks = np.zeros((HEIGHT, WIDTH), np.float32)
            for _ in range(260):
                x, y, long = (int(self.rng.integers(0, top)) for top in (WIDTH, HEIGHT, 26))
                cv2.line(streaks, (x, y), (x + 2, y + 8 + long), float(self.rng.uniform(15, 45)), 1)
            self._bank.append(streaks)

    def shining(self, view: Canvas, _at_s: float, light: str) -> Canvas:
        bank = self._bank[int(self.rng.integers(5))]
        streaks = np.roll(bank, (int(self.rng.integers(HEIGHT)), int(self.rng.integers(WIDTH))), axis=(0, 1))
        return np.asarray(view * 0.9 + streaks * (0.3 if light == "unlit" else 1.0) + 4.0, np.float32)


class Fog(Around):
    """Two thirds of the contrast gone, more of it far off, and banks that drift."""

    def shining(self, view: Canvas, at_s: float, light: str) -> Canvas:
        thick = 0.62 - 0.12 * ROWS + 0.06 * np.sin(3 * COLUMNS + 0.3 * at_s)
        return np.asarray(view * (1 - thick) + (185.0 if light == "day" else 60.0) * thick, np.float32)


class Headlights(Around):
    """Each seven seconds a car that is not in view turns its lamps over what is."""

    def shining(self, view: Canvas, at_s: float, _light: str) -> Canvas:
        x = -1.4 + 2.8 * (at_s % 7.0) / 3.5
        if x > 1.4:
            return view
        beam = np.exp(-((COLUMNS - x) ** 2) / 0.06 - (ROWS - 0.1) ** 2 / 0.5)
        return np.asarray(view * (1 + 2.2 * beam) + 12 * beam, np.float32)


class Clouds(Around):
    """Shadows that cross the view."""

    def shining(self, view: Canvas, at_s: float, _light: str) -> Canvas:
        edge = 1 / (1 + np.exp(-8 * (COLUMNS - 2.4 * ((at_s / 14.0) % 1.0) + 1.2)))
        return np.asarray(view * (1 - 0.4 * edge), np.float32)


class Exposure(Around):
    """A sensor that looks for its gain, and steps."""

    def shining(self, view: Canvas, at_s: float, _light: str) -> Canvas:
        step = (at_s / 9.0) % 2.0
        gain = 1.0 + 0.28 * min(1.0, 4 * step) if step < 1.0 else 1.28 - 0.28 * min(1.0, 4 * (step - 1.0))
        return np.asarray(np.minimum(view * gain, 250.0), np.float32)


class Insects(Around):
    """Moths before the lamp, near the lens."""

    def shining(self, view: Canvas, _at_s: float, _light: str) -> Canvas:
        for _ in range(int(self.rng.integers(0, 3))):
            x, y = self.rng.uniform(-1, 1, 2)
            wide = self.rng.uniform(0.002, 0.02)
            view = view + 150 * np.exp(-((COLUMNS - x) ** 2 + (ROWS - y) ** 2) / np.float32(wide))
        return np.asarray(view, np.float32)


class Lightning(Around):
    """A flash now and then."""

    def shining(self, view: Canvas, at_s: float, _light: str) -> Canvas:
        return np.asarray(view * 1.5 + 60, np.float32) if at_s % 13.0 < 0.4 else view


KINDS: dict[str, Callable[[int], Around]] = {
    "people": People, "lorry": Lorry, "trees": Trees, "rain": Rain, "fog": Fog, "headlights": Headlights,
    "clouds": Clouds, "exposure": Exposure, "insects": Insects, "lightning": Lightning,
}  # fmt: skip


def with_clock(image: Any, at_s: float) -> Any:
    """The camera's own clock, burnt in."""
    cv2.rectangle(image, (8, 6), (190, 32), 0, -1)
    text = f"28-11-2026 12:{int(at_s) // 60:02d}:{int(at_s) % 60:02d}"
    cv2.putText(image, text, (12, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    return image


# --- what is done -------------------------------------------------------------------------------------------------

_TAKES_S = {"sagging": 25.0, "fog_comes": 15.0, "night_falls": 30.0}


def part_of(done: str, since_s: float) -> float:
    """How much of it is done."""
    takes_s = _TAKES_S.get(done)
    return 1.0 if takes_s is None else min(1.0, since_s / takes_s)


def turned(done: str, amount: float, seed: int) -> tuple[float, float, float]:
    """Pixels to the right and down, and degrees, by which the camera looks elsewhere."""
    match done:
        case "turned":
            side = 1 if seed % 2 else -1
            return side * amount * WIDTH, 0.4 * amount * HEIGHT * (1 if seed % 3 else -1), 0.0
        case "sagging":
            return 0.0, amount * HEIGHT, 0.0
        case "twisted":
            return 0.0, 0.0, amount
        case _:
            return 0.0, 0.0, 0.0


def _mask(share: float, seed: int, *, soft: float) -> Canvas:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    across, along = round(WIDTH * share), round(HEIGHT * share)
    match seed % 4:
        case 0:
            mask[:, :across] = 1
        case 1:
            mask[:, WIDTH - across :] = 1
        case 2:
            mask[:along] = 1
        case _:
            mask[HEIGHT - along :] = 1
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)


def _before(view: Canvas, thing: Canvas | float, mask: Canvas) -> Canvas:
    return np.asarray(view * (1 - mask) + thing * mask, np.float32)


def _cloth(view: Canvas, amount: float, seed: int) -> Canvas:
    weave = np.random.default_rng((seed, 31)).normal(110, 35, (30, 50)).astype(np.float32)
    return _before(view, cv2.resize(weave, (WIDTH, HEIGHT)).astype(np.float32), _mask(amount, seed, soft=6.0))


def _spray(view: Canvas, amount: float, seed: int) -> Canvas:
    veiled = cv2.GaussianBlur(view, (0, 0), 14.0) * 0.12 + 0.88 * 115
    return _before(view, veiled.astype(np.float32), _mask(amount, seed, soft=25.0))


def _blinded(view: Canvas, amount: float, seed: int) -> Canvas:
    """A torch or a laser into the lens: burnt out around it, glare everywhere."""
    x, y = ((seed * 0.37) % 1.0 - 0.5, (seed * 0.61) % 1.0 - 0.5)
    far = (COLUMNS - x) ** 2 + (ROWS - y) ** 2
    return np.asarray(view + 900 * np.exp(-far / np.float32(amount)) + 90 * amount, np.float32)


DONE: dict[str, Callable[[Canvas, float, int], Canvas]] = {
    "card": lambda view, amount, seed: _before(view, 25.0, _mask(amount, seed, soft=8.0)),
    "paper": lambda view, amount, seed: _before(view, 215.0, _mask(amount, seed, soft=8.0)),
    "cap": lambda view, _amount, _seed: np.full_like(view, 6.0),
    "cloth": _cloth,
    "spray": _spray,
    "defocused": lambda view, amount, _seed: np.asarray(cv2.GaussianBlur(view, (0, 0), amount), np.float32),
    "blinded": _blinded,
    "fog_comes": lambda view, amount, _seed: np.asarray(view * (1 - amount) + 185.0 * amount, np.float32),
    "night_falls": lambda view, amount, _seed: np.asarray(view * (1 - amount), np.float32),
}
