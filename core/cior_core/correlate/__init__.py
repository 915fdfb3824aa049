"""The heart: events, actions, receipts and ticks of one area become few, explained, prioritised alerts.

``step(state, item, rules) -> (state, effects)`` never waits, logs, reads a clock or draws a random number; the same
log and rules give the same effects byte for byte (law 5). ``play`` runs it over a log; ``persist`` turns the change
between two states into small entries and back.
"""

from cior_core.correlate.engine import step
from cior_core.correlate.play import play
from cior_core.correlate.state import State, initial

__all__ = ["State", "initial", "play", "step"]
