"""How long to wait before trying again: full-jitter back-off, and the restart intensity that turns a crash loop into an
alert.
"""

from __future__ import annotations

import random
from collections import deque

from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable

INTENSITY = 5
INTENSITY_WINDOW_S = 60.0


class Backoff:
    """Delays in seconds.

    Life-safety never waits longer than ``life_safety_cap_s``, whatever went wrong, and never stops trying.
    """

    def __init__(
        self, *, life_safety: bool, base_s: float = 0.25, cap_s: float = 60.0, life_safety_cap_s: float = 10.0
    ) -> None:
        self._base_s = base_s
        self._cap_s = life_safety_cap_s if life_safety else cap_s
        self._attempts = 0
        self._bugs: deque[float] = deque(maxlen=INTENSITY)

    def succeeded(self) -> None:
        """A connection did real work: start small again."""
        self._attempts = 0

    def after(self, error: BaseException | None, *, at_s: float) -> float:
        """Seconds to wait after ``error`` (None: the far side ended in peace). ``at_s``: monotonic seconds."""
        match error:
            case SourceUnavailable(retry_after_s=float() | int() as wanted_s):
                return min(float(wanted_s), self._cap_s)
            case ConfigInvalid() | CredentialsRefused():
                return self._cap_s
            case SourceUnavailable() | None:
                return self._grow()
            case _:
                self._bugs.append(at_s)
                return self._cap_s if self.is_looping(at_s=at_s) else self._grow()

    def is_looping(self, *, at_s: float) -> bool:
        """Whether the restart intensity is used up: five bugs within sixty seconds."""
        return len(self._bugs) == INTENSITY and at_s - self._bugs[0] <= INTENSITY_WINDOW_S

    def _grow(self) -> float:
        ceiling = min(self._cap_s, self._base_s * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 16)
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311  jitter, not a secret
