"""Which sealed boxes of the store an order needs: all bytes of a line that may carry what is sealed lie in boxes.

An ordinary order needs those of the events that it is shown; a box that also carried something sealed stays reserved. A
judge's order for what is sealed needs those of its reserved alerts too. Nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cior_core.model import DataClass, Struct
from cior_core.privacy import Asking, LegalBasis, Policy, Purpose, Role, decide
from cior_evidence.box_files import ClosedBox
from cior_evidence.box_room import Handed
from cior_store.answers import EventRow
from cior_store.engine import Store
from cior_store.questions import Questions
from cior_store.questions.packages import PackageQuestions


class BoxUse(Struct, frozen=True, kw_only=True):
    """``sealed``: a judge ordered what is sealed, and the privacy table lets it out; ``handed``: what was opened, by
    record.
    """

    sealed: bool = False
    handed: Mapping[str, Handed] = {}


NO_BOXES: Final = BoxUse()


class Warrant(Struct, frozen=True, kw_only=True):
    """What a request may have: ``alerts`` that it names, ``basis`` and ``reason`` of its order, how many approved it,
    and whether it is for what is ``sealed``.
    """

    alerts: tuple[str, ...]
    basis: LegalBasis
    reason: str
    approvers: int
    sealed: bool


def lets_out_sealed(policy: Policy, warrant: Warrant) -> bool:
    """Whether the table gives what is sealed to who asks: a judge's order, and two who approved it."""
    asking = Asking(
        role=Role.PROSECUTOR, purpose=Purpose.JUDICIAL_REQUEST, data_class=DataClass.SEALED, legal_basis=warrant.basis,
        approvers=warrant.approvers, reason=warrant.reason,
    )  # fmt: skip
    return warrant.sealed and decide(asking, policy).outcome == "allow"


class Shown(Struct, frozen=True):
    """Whether an event goes out whole for an order: nothing is redacted inside evidence."""

    policy: Policy
    basis: LegalBasis
    reason: str
    now_ms: int

    def may(self, row: EventRow) -> bool:
        """By the privacy table."""
        asking = Asking(
            role=Role.CUSTODIAN, purpose=Purpose.JUDICIAL_REQUEST, data_class=DataClass(row.data_class),
            legal_basis=self.basis, age_s=(self.now_ms - row.received_ms) / 1000, approvers=1, reason=self.reason,
        )  # fmt: skip
        return decide(asking, self.policy).outcome == "allow"


class StoreBoxes:
    """The boxes of one store."""

    def __init__(self, store: Store) -> None:
        self._ask, self._packages = Questions(store), PackageQuestions(store)

    def among(self, raw_ids: Iterable[str]) -> frozenset[str]:
        """Those of these records that lie in boxes."""
        absent = sorted({each for each in raw_ids if self._ask.raw(each) is None})
        return self._packages.boxed(absent)

    def openable(self, boxed: frozenset[str], *, sealed: bool) -> frozenset[str]:
        """Those of these boxes that the order opens."""
        return boxed if sealed else boxed - self._packages.carrying_sealed(sorted(boxed))

    def of_reserved(self, alerts: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Of each box of these alerts, the events that it carried."""
        events = self._packages.members_of_reserved(sorted(alerts))
        carriers = {event: self._ask.raws_of_event(event) for event in events}
        boxed = self.among(raw for raws in carriers.values() for raw in raws)
        return carried(carriers, boxed.__contains__)

    def box(self, raw_id: str) -> ClosedBox | None:
        """As it was stored; None: it is not there any more."""
        row = self._ask.sealed_raw(raw_id)
        if row is None:
            return None
        return ClosedBox(record=row.raw_id, received_ms=row.received_ms, sha256=row.sha256, box=row.payload)

    def needed(self, warrant: Warrant, policy: Policy, *, now_ms: int) -> tuple[ClosedBox, ...]:
        """Every box that the alerts of a request need, in the order of their records."""
        shown = Shown(policy, warrant.basis, warrant.reason, now_ms)
        sealed = lets_out_sealed(policy, warrant)
        named = self._packages.alerts_named(sorted(warrant.alerts))
        members = dict.fromkeys(event for each in named if not each.reserved for event in each.member_ids)
        rows = (self._ask.event(event) for event in members)
        events = [row.event_id for row in rows if row is not None and shown.may(row)]
        boxed = self.among(raw for event in events for raw in self._ask.raws_of_event(event))
        wanted = set(self.openable(boxed, sealed=sealed))
        if sealed:
            wanted |= self.of_reserved(each.alert_id for each in named if each.reserved).keys()
        found = (self.box(each) for each in sorted(wanted))
        return tuple(each for each in found if each is not None)


def carried(
    carriers: Mapping[str, tuple[str, ...]], is_meant: Callable[[str], bool]
) -> dict[str, tuple[str, ...]]:
    """Of each record that is meant, the events that it carried, in the order in which they name it."""
    found: dict[str, tuple[str, ...]] = {}
    for event, raws in carriers.items():
        for raw in raws:
            if is_meant(raw):
                found[raw] = (*found.get(raw, ()), event)
    return found
