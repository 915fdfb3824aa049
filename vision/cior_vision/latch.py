"""A condition with hysteresis both ways, in the caller's time. Pure."""

from __future__ import annotations

from cior_vision.incidents import Condition, ConditionChange


class Latch:
    """One condition: true for ``after_s`` raises it, not true for ``clear_s`` clears it."""

    def __init__(self, condition: Condition, *, after_s: float, clear_s: float) -> None:
        self.condition = condition
        self.active = False
        self._after_s = after_s
        self._clear_s = clear_s
        self._since_s: float | None = None
        self._last_true_s = 0.0

    @property
    def is_begun(self) -> bool:
        """Whether it holds, or evidence for it is being gathered."""
        return self._since_s is not None

    def observe(
        self, at_s: float, facts: dict[str, float], *, hit: bool, after_s: float | None = None
    ) -> list[ConditionChange]:
        """Advance by one reading. ``after_s``: how long this kind of evidence must last, where it is weaker."""
        if hit:
            self._since_s = at_s if self._since_s is None else self._since_s
            self._last_true_s = at_s
            if not self.active and at_s - self._since_s >= (self._after_s if after_s is None else after_s):
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
