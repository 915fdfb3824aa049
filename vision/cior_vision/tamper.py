"""Can the picture be believed? Covered, moved, frozen, defocused, too bright, too dark, too flat: pure decisions over
:class:`SceneReading`, in stream time.

*Covered* and *moved* are said against the camera's own view (:mod:`cior_vision.view`): structure that was there is gone
at once, or lies elsewhere. A picture that is flat without that (a blank wall, fog, an unlit night) is *degraded*: it
cannot be watched, and nobody did anything to it. Measured on real fixed cameras: normal luma deviation is 10 or more
and entropy 2.26 bit or more; a defocused lens drops the variance of the Laplacian to 0.02 of its normal value while
weather and exposure keep it above 0.70. ONVIF names the same conditions GlobalSceneChange, ImageTooDark,
ImageTooBright and ImageTooBlurry.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from cior_vision.incidents import Condition, ConditionChange, SceneReading, ViewReading
from cior_vision.latch import Latch
from cior_vision.rule_settings import TamperSettings


class SharpnessReference:
    """Median sharpness of the same hour of the day over the last day, learned only while the picture is believed.

    Sharpness against contrast: fog dims edges and surfaces alike, a lens out of focus takes the edges alone.
    """

    def __init__(self, *, warm_up_s: float, every_s: float = 10.0) -> None:
        self._warm_up_s = warm_up_s
        self._every_s = every_s
        self._hours: dict[int, deque[float]] = {}
        self._last_s: float | None = None
        self._learned_s = 0.0

    def learn(self, reading: SceneReading, hour: int) -> None:
        """Take a sample every ten seconds of stream time; 360 of them are an hour."""
        if self._last_s is not None and 0 <= reading.at_s - self._last_s < self._every_s:
            return
        self._learned_s += self._every_s if self._last_s is not None else 0.0
        self._last_s = reading.at_s
        self._hours.setdefault(hour, deque(maxlen=360)).append(_sharpness(reading))

    def ratio(self, reading: SceneReading, hour: int) -> float | None:
        """Sharpness against its reference; ``None`` until ``warm_up_s`` of believed pictures were seen."""
        samples = self._hours.get(hour) or next(iter(self._hours.values()), None)
        if samples is None or self._learned_s < self._warm_up_s:
            return None
        normal = median(samples)
        return _sharpness(reading) / normal if normal > 0 else None


def _sharpness(reading: SceneReading) -> float:
    return reading.sharpness / max(reading.luma_std**2, 1.0)


class TamperWatch:
    """All picture conditions of one camera. Call :meth:`step` once a reading, with the local hour of the day."""

    def __init__(self, settings: TamperSettings) -> None:
        self._settings = settings
        clear_s = settings.clear_after_s
        self._covered = Latch(Condition.COVERED, after_s=settings.covered_after_s, clear_s=clear_s)
        self._moved = Latch(Condition.MOVED, after_s=settings.moved_after_s, clear_s=clear_s)
        self._bright = Latch(Condition.TOO_BRIGHT, after_s=settings.covered_after_s, clear_s=clear_s)
        self._dark = Latch(Condition.LOW_LIGHT, after_s=settings.degraded_after_s, clear_s=clear_s)
        self._flat = Latch(Condition.LOW_CONTRAST, after_s=settings.degraded_after_s, clear_s=clear_s)
        self._blurred = Latch(Condition.DEFOCUSED, after_s=settings.defocused_after_s, clear_s=clear_s)
        self._frozen = Latch(
            Condition.FROZEN, after_s=settings.frozen_after_s, clear_s=settings.frozen_clear_s
        )
        self._latches = (
            self._covered, self._moved, self._bright, self._dark, self._flat, self._blurred, self._frozen,
        )  # fmt: skip
        self._reference = SharpnessReference(warm_up_s=settings.reference_s)
        self._view: ViewReading | None = None
        self._light: float | None = None
        self._has_key = False

    @property
    def active(self) -> frozenset[Condition]:
        """Conditions that hold now."""
        return frozenset(latch.condition for latch in self._latches if latch.active)

    def step(self, reading: SceneReading, *, hour: int) -> list[ConditionChange]:
        """What this picture changes."""
        limits, at_s = self._settings, reading.at_s
        if reading.view is not None or not reading.is_view_known:
            self._view = reading.view
        bright = reading.luma_mean >= limits.bright_mean and reading.entropy_bits < limits.bright_entropy_bits
        flat = not bright and (
            reading.luma_std < limits.flat_std or reading.entropy_bits < limits.flat_entropy_bits
        )
        covered_after_s = None if bright else self._covering_s(reading, flat=flat)
        covered = covered_after_s is not None
        moving_s = None if bright or covered or not limits.fixed else self._moving_s(flat=flat)
        degraded = flat and not covered and not self._covered.active
        dark = reading.luma_mean < limits.dark_mean
        believed = not (bright or flat or covered or moving_s is not None)
        ratio = self._reference.ratio(reading, hour) if believed else None
        blurred = ratio is not None and ratio < limits.defocused_ratio
        still = self._is_still(reading)
        if believed and not blurred and not still:
            self._reference.learn(reading, hour)
            self._light = (
                reading.luma_mean if self._light is None else self._light * 0.9 + reading.luma_mean * 0.1
            )
        facts = {
            "luma_mean": round(reading.luma_mean, 2),
            "luma_std": round(reading.luma_std, 2),
            "entropy_bits": round(reading.entropy_bits, 3),
        }
        seen, sharp = self._facts(), {} if ratio is None else {"sharpness_ratio": round(ratio, 3)}
        return [
            *self._covered.observe(at_s, facts | seen, hit=covered, after_s=covered_after_s),
            *self._moved.observe(at_s, seen, hit=moving_s is not None, after_s=moving_s),
            *self._bright.observe(at_s, facts, hit=bright),
            *self._dark.observe(at_s, facts, hit=degraded and dark),
            *self._flat.observe(at_s, facts, hit=degraded and not dark),
            *self._blurred.observe(at_s, sharp, hit=blurred),
            *self._frozen.observe(
                at_s, {}, hit=still, after_s=None if self._has_key else limits.frozen_keyless_s
            ),
        ]

    def _covering_s(self, reading: SceneReading, *, flat: bool) -> float | None:
        """How long what is seen now must last to be a covering; ``None``: it is none."""
        limits, view = self._settings, self._view
        if view is None:
            return None
        if flat:
            # What is still recognised is dimmed, not covered; and where it was dim already, a lamp went out.
            lamp_out = reading.luma_mean < limits.dark_mean and (self._light or 0.0) < limits.dim_mean
            is_gone = view.agreeing < limits.recognised_share and view.missing >= limits.covered_share
            return limits.covered_after_s if is_gone and not lamp_out else None
        if view.missing < limits.covered_share or self._lies_elsewhere(view) or self._is_another(view):
            return None
        return limits.covered_after_s if 2 * view.flat >= view.lost else limits.hidden_after_s

    def _moving_s(self, *, flat: bool) -> float | None:
        """How long what is seen now must last to be another view; ``None``: it is the same."""
        if self._view is None or flat:
            return None
        if self._lies_elsewhere(self._view):
            return self._settings.moved_after_s
        return self._settings.hidden_after_s if self._is_another(self._view) else None

    def _lies_elsewhere(self, view: ViewReading) -> bool:
        return view.moved_px >= self._settings.moved_share * 320 and view.agreeing >= 0.5

    def _is_another(self, view: ViewReading) -> bool:
        """Nothing is recognised, yet there is as much to see as before."""
        limits = self._settings
        return view.agreeing < limits.another_share and view.missing >= 0.6 and 2 * view.flat < view.lost

    def _is_still(self, reading: SceneReading) -> bool:
        """Nothing new in the picture. A codec repeats a quiet scene until its next key picture, so one must be among
        what repeats.
        """
        still = reading.is_still is True
        self._has_key = still and (self._has_key or (reading.after_key and self._frozen.is_begun))
        return still

    def _facts(self) -> dict[str, float]:
        if self._view is None:
            return {}
        return {
            "lost_share": round(self._view.missing, 3),
            "moved_right": round(self._view.right_px / 320, 3),
            "moved_down": round(self._view.down_px / 180, 3),
        }

    def new_epoch(self) -> None:
        """The stream's time line restarted."""
        for latch in self._latches:
            latch.forget()
        self._view, self._has_key = None, False
