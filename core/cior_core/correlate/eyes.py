"""Which cameras see nothing now, by what they said themselves in the log: a camera that works has no record.

What no event tells (a worker that died, a camera that nobody watches) shows by its silence to a command.
"""

from __future__ import annotations

from typing import Final

from cior_core.correlate.state import Eye
from cior_core.correlate.step_context import StepContext
from cior_core.model import Event, Phase

BLINDING: Final = frozenset(
    {
        "camera.signal_loss",
        "camera.frozen",
        "camera.obstructed",
        "camera.moved",
        "camera.damaged",
        "camera.tamper",
    }
)
"""Types of a camera whose pictures say nothing of the place that it is there for."""
_OVER: Final = frozenset({Phase.RESTORE, Phase.CANCEL, Phase.END})
_DRILL: Final = "drill/"


def note(context: StepContext, event: Event) -> None:
    """A condition of a camera began or ended."""
    if event.type not in BLINDING or event.phase is Phase.TEST:
        return
    key = f"{_DRILL if event.drill else ''}{event.subject}"
    known = context.eyes.get(key)
    told = event.attributes.get("condition")
    name = told if isinstance(told, str) and told else event.type
    held = set() if known is None else set(known.conditions)
    held = held - {name} if event.phase in _OVER else held | {name}
    if not held:
        context.drop("eyes", key)
    elif known is None or tuple(sorted(held)) != known.conditions:
        since_ms = context.now_ms if known is None else known.since_ms
        context.eyes = context.eyes.put(key, Eye(conditions=tuple(sorted(held)), since_ms=since_ms))


def blind(context: StepContext, camera: str, *, drill: bool) -> tuple[str, ...]:
    """Why the camera sees nothing; empty for one that works as far as anybody knows."""
    found = [context.eyes.get(camera), context.eyes.get(f"{_DRILL}{camera}") if drill else None]
    return tuple(sorted({each for eye in found if eye is not None for each in eye.conditions}))
