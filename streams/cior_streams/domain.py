"""What the agents ask of the pure core, in one place: which area, which events matter to the correlator, how to step.

No rule lives here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cior_core import correlate
from cior_core.correlate import gate, persist
from cior_core.model import DEFAULT_AREA, AreaId, Effect, Event, Item
from cior_core.rules import RulePack
from cior_core.signatures import OpensActions, nobody_signs
from cior_core.taxonomy import Alerting, Taxonomy

HEAD = persist.HEAD
"""The entry that is written last and makes a step count."""


class Correlator(Protocol):
    """The step function with its rules, and its state as small entries."""

    def initial(self, area: AreaId) -> Any:
        """The state before the first item."""
        ...

    def step(self, state: Any, item: Item) -> tuple[Any, tuple[Effect, ...]]:
        """One item."""
        ...

    def carry(self, earlier: Any, later: Any) -> Any:
        """``later``, a step after ``earlier``, when both are kept with one set of entries."""
        ...

    def admit(self, state: Any, item: Item) -> None:
        """Raises ``PayloadRejected`` (``action.*``) for an act that counts for nothing."""
        ...

    def entries(self, before: Any, after: Any) -> dict[str, bytes | None]:
        """What changed, as key and bytes (None: gone), with :data:`HEAD` among them."""
        ...

    def restore(self, area: AreaId, entries: Mapping[str, bytes]) -> Any:
        """The state from all its entries."""
        ...


class CoreCorrelator:
    """``cior_core.correlate`` with one rule pack, and who may sign decisions."""

    def __init__(self, rules: RulePack, *, opens: OpensActions = nobody_signs) -> None:
        self.rules, self._opens = rules, opens

    def initial(self, area: AreaId) -> correlate.State:
        """See :class:`Correlator`."""
        return correlate.initial(area)

    def step(self, state: correlate.State, item: Item) -> tuple[correlate.State, tuple[Effect, ...]]:
        """See :class:`Correlator`."""
        return correlate.step(state, item, self.rules)

    def carry(self, earlier: correlate.State, later: correlate.State) -> correlate.State:
        """See :class:`Correlator`."""
        return persist.carry(earlier, later)

    def admit(self, state: correlate.State, item: Item) -> None:
        """See :class:`Correlator`."""
        gate.admit(state, item, self.rules, opens=self._opens)

    def entries(self, before: correlate.State, after: correlate.State) -> dict[str, bytes | None]:
        """See :class:`Correlator`."""
        return persist.entries(before, after)

    def restore(self, area: AreaId, entries: Mapping[str, bytes]) -> correlate.State:
        """See :class:`Correlator`."""
        return persist.restore(entries, self.rules, area=area)


class Areas:
    """Which area an event belongs to: its device's, or the default (one area for the whole city, design §4.5)."""

    def __init__(
        self, by_subject: Mapping[str, AreaId] | None = None, *, default: AreaId = DEFAULT_AREA
    ) -> None:
        self._by_subject = dict(by_subject or {})
        self.default = default
        self.all = tuple(sorted({default, *self._by_subject.values()}))

    def of(self, event: Event) -> AreaId:
        """The area of one event."""
        return self._by_subject.get(event.subject, self.default)


class AlertFilter:
    """Which events of the bulk lanes the correlator must see.

    Those whose type may alert, and life-safety ones of whatever type (law 2).
    """

    def __init__(self, types: Taxonomy) -> None:
        self._never = frozenset(
            code for code, kind in types.items() if kind.alerting is Alerting.NEVER and not kind.life_safety
        )

    def __call__(self, event: Event) -> bool:
        """An unknown type is worth a look too: nobody has said that it may never alert."""
        return event.life_safety or event.type not in self._never
