"""Hysteresis both ways, in the caller's time; a camera's condition with it. Pure."""

from __future__ import annotations

from cior_vision.incidents import Condition, ConditionChange


class Hysteresis:
    """What is true for ``after_s`` begins, what is not true for ``clear_s`` is over."""

    def __init__(self, *, after_s: float, clear_s: float) -> None:
        self.active = False
        self.since_s: float | None = None
        self.began_s: float | None = None
        self.last_true_s = 0.0
        self._after_s = after_s
        self._clear_s = clear_s

    def observe(self, at_s: float, *, hit: bool, after_s: float | None = None) -> bool:
        """Advance by one reading; whether ``active`` changed. ``since_s`` is since when it is true, ``began_s`` of what
        is or was active last.

        ``after_s``: how long this kind of evidence must last, where it is weaker.
        """
        if hit:
            self.since_s = at_s if self.since_s is None else self.since_s
            self.last_true_s = at_s
            if (
                not self.active
                and at_s - self.since_s >= (self._after_s if after_s is None else after_s) - 1e-6
            ):
                self.active, self.began_s = True, self.since_s
                return True
        elif not self.active:
            self.since_s = None
        elif at_s - self.last_true_s >= self._clear_s - 1e-6:
            self.active, self.since_s = False, None
            return True
        return False

    def forget(self) -> None:
        """Evidence gathered so far cannot be continued; what is active stays until it is seen to be over."""
        self.since_s = self.began_s = None
        self.last_true_s = 0.0


class Latch:
    """One condition of a camera."""

    def __init__(self, condition: Condition, *, after_s: float, clear_s: float) -> None:
        self.condition = condition
        self._held = Hysteresis(after_s=after_s, clear_s=clear_s)

    @property
    def active(self) -> bool:
        """Whether the condition holds."""
        return self._held.active

    @property
    def is_begun(self) -> bool:
        """Whether it holds, or evidence for it is being gathered."""
        return self._held.since_s is not None

    def observe(
        self, at_s: float, facts: dict[str, float], *, hit: bool, after_s: float | None = None
    ) -> list[ConditionChange]:
        """Advance by one reading. ``after_s``: how long this kind of evidence must last, where it is weaker."""
        if not self._held.observe(at_s, hit=hit, after_s=after_s):
            return []
        since_s = at_s if self._held.began_s is None else self._held.began_s
        return [
            ConditionChange(
                condition=self.condition, active=self.active, at_s=at_s, since_s=since_s, facts=facts
            )
        ]

    def forget(self) -> None:
        """A new epoch: evidence gathered so far cannot be continued; an active condition stays until it is seen to be
        over.
        """
        self._held.forget()
