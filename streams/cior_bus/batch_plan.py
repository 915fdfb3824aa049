"""Which offsets make a batch, planned before its handler runs: who dies between insert and commit gets *the same* batch
again.

The token of a batch follows from its offsets, so a store that has it already takes it for what it is.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class BatchPlan(msgspec.Struct, frozen=True):
    """Source offsets of one batch, both inclusive."""

    first: int
    last: int


class BatchPlans(Protocol):
    """Keeps the plans of each partition."""

    def assigned(self, topic: str, partition: int) -> None:
        """The partition came to this process, perhaps again: another may have planned batches of it meanwhile."""
        ...

    def planned(self, topic: str, partition: int, *, since: int) -> BatchPlan | None:
        """The plan whose first offset is ``since``, done or not; None: plan anew."""
        ...

    def plan(self, topic: str, partition: int, plan: BatchPlan) -> None:
        """Remember before the handler starts; how durably is the keeper's promise."""
        ...


class MemoryPlans:
    """Plans that last as long as the process: retries inside it are identical, a restart may plan anew."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, int], BatchPlan] = {}

    def assigned(self, topic: str, partition: int) -> None:
        """See :class:`BatchPlans`."""
        self._plans.pop((topic, partition), None)

    def planned(self, topic: str, partition: int, *, since: int) -> BatchPlan | None:
        """See :class:`BatchPlans`."""
        found = self._plans.get((topic, partition))
        return found if found is not None and found.first == since else None

    def plan(self, topic: str, partition: int, plan: BatchPlan) -> None:
        """See :class:`BatchPlans`."""
        self._plans[topic, partition] = plan
