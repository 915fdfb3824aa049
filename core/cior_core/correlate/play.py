"""The one loop over ``step``: a log of items in, every effect out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping

from cior_core.correlate.engine import step
from cior_core.correlate.state import State, initial
from cior_core.model import AreaId, Effect, Item
from cior_core.rules import RulePack


def play(
    items: Iterable[Item], rules: RulePack, *, states: MutableMapping[AreaId, State] | None = None
) -> Iterator[Effect]:
    """Every effect of ``items``, in order. Each area has its own memory, kept in ``states`` where one is given.

    Lazy: an item is taken only when every effect of the one before was read, so that ``items`` may look at them.
    """
    memory: MutableMapping[AreaId, State] = {} if states is None else states
    for item in items:
        state = memory.get(item.area) or initial(item.area)
        memory[item.area], effects = step(state, item, rules)
        yield from effects
