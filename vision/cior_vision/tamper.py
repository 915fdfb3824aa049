"""Can the picture be believed? Covered, too bright, defocused, frozen: pure decisions over :class:`SceneReading`, in
stream time.

Measured on real fixed cameras: normal luma deviation is 10 or more and entropy 2.26 bit or more, a covered lens
gives 3 and 0.87; a defocused lens drops the variance of the Laplacian to 0.02 of its normal value while weather and
exposure keep it above 0.70; real sensors repeat a picture at most twice in a row. ONVIF names the same conditions
ImageTooDark, ImageTooBright and ImageTooBlurry.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from cior_vision.incidents import Condition, ConditionChange, SceneReading
from cior_vision.rule_settings import TamperSettings


class Latch:
    """One condition with hysteresis both ways: true for ``after_s`` raises it, false for ``clear_s`` clears it."""

    def __init__(self, condition: Condition, *, after_s: float, clear_s: float) -> None:
        self.condition = condition
        self.active = False
        self._after_s = after_s
        self._clear_s = clear_s
        self._since_s: float | None = None
        self._last_true_s = 0.0

    def observe(self, at_s: float, facts: dict[str, float], *, hit: bool) -> list[ConditionChange]:
        """Advance by one reading."""
        if hit:
            self._since_s = at_s if self._since_s is None else self._since_s
            self._last_true_s = at_s
            if not self.active and at_s - self._since_s >= self._after_s:
                return [self._switch(at_s, facts, active=True)]
        elif self.active:
            if at_s - self._last_true_s >= self._clear_s:
                return [self._switch(at_s, facts, active=False)]
        else:
            self._since_s = None
        return []

    def _switch(self, at_s: float, facts: dict[str, float], *, active: bool) -> ConditionChange:
        since_s = at_s if self._since_s is None else self._since_s
        self.active = active
        if not active:
            self._since_s = None
        return ConditionChange(
            condition=self.condition, active=active, at_s=at_s, since_s=since_s, facts=facts
        )

    def forget(self) -> None:
        """A new epoch: evidence gathered so far cannot be continued; an active condition stays until it is seen to be
        over.
        """
        self._since_s = None
        self._last_true_s = 0.0


class SharpnessReference:
    """Median sharpness of the same hour of the day over the last day, learned only while the picture is believed."""

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
        self._hours.setdefault(hour, deque(maxlen=360)).append(reading.sharpness)

    def ratio(self, reading: SceneReading, hour: int) -> float | None:
        """Sharpness against its reference; ``None`` until ``warm_up_s`` of believed pictures were seen."""
        samples = self._hours.get(hour) or next(iter(self._hours.values()), None)
        if samples is None or self._learned_s < self._warm_up_s:
            return None
        normal = median(samples)
        return reading.sharpness / normal if normal > 0 else None


class TamperWatch:
    """All picture conditions of one camera. Call :meth:`step` once a reading, with the local hour of the day."""

    def __init__(self, settings: TamperSettings) -> None:
        self._settings = settings
        clear_s = settings.clear_after_s
        self._covered = Latch(Condition.COVERED, after_s=settings.covered_after_s, clear_s=clear_s)
        self._bright = Latch(Condition.TOO_BRIGHT, after_s=settings.covered_after_s, clear_s=clear_s)
        self._blurred = Latch(Condition.DEFOCUSED, after_s=settings.defocused_after_s, clear_s=clear_s)
        self._frozen = Latch(Condition.FROZEN, after_s=settings.frozen_after_s, clear_s=0.0)
        self._reference = SharpnessReference(warm_up_s=settings.reference_s)
        self._digest: int | None = None

    @property
    def active(self) -> frozenset[Condition]:
        """Conditions that hold now."""
        return frozenset(
            latch.condition
            for latch in (self._covered, self._bright, self._blurred, self._frozen)
            if latch.active
        )

    def step(self, reading: SceneReading, *, hour: int) -> list[ConditionChange]:
        """What this picture changes."""
        limits = self._settings
        bright = reading.luma_mean >= limits.bright_mean and reading.entropy_bits < limits.bright_entropy_bits
        covered = not bright and (
            reading.luma_std < limits.covered_std or reading.entropy_bits < limits.covered_entropy_bits
        )
        ratio = None if covered or bright else self._reference.ratio(reading, hour)
        blurred = ratio is not None and ratio < limits.defocused_ratio
        repeated = self._digest == reading.digest
        self._digest = reading.digest
        if not (covered or bright or blurred or repeated):
            self._reference.learn(reading, hour)
        facts = {
            "luma_mean": round(reading.luma_mean, 2),
            "luma_std": round(reading.luma_std, 2),
            "entropy_bits": round(reading.entropy_bits, 3),
        }
        sharp = {} if ratio is None else {"sharpness_ratio": round(ratio, 3)}
        return [
            *self._covered.observe(reading.at_s, facts, hit=covered),
            *self._bright.observe(reading.at_s, facts, hit=bright),
            *self._blurred.observe(reading.at_s, sharp, hit=blurred),
            *self._frozen.observe(reading.at_s, {}, hit=repeated),
        ]

    def new_epoch(self) -> None:
        """The stream's time line restarted."""
        for latch in (self._covered, self._bright, self._blurred, self._frozen):
            latch.forget()
        self._digest = None
