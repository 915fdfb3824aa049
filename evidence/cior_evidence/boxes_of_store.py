"""What an order takes of what is sealed: which closed boxes, and which reserved alerts. All bytes of a line that may
carry what is sealed lie in boxes.

An ordinary order needs the boxes of the events that it is shown; a box that also carried something sealed stays
reserved. A judge's order for what is sealed takes the reserved alerts that it names, with their events as the centre
knows them: by pseudonym and district. Boxes tell who is protected: it needs those of its alerts, and no other, if it
names the identity too. Nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import DataClass, Struct
from cior_core.privacy import Asking, Decision, LegalBasis, Policy, Purpose, Role, decide
from cior_core.sealed_devices import names_nobody
from cior_evidence.box_files import ClosedBox
from cior_evidence.box_room import Handed
from cior_store.answers import EventRow
from cior_store.engine import Store
from cior_store.questions import Questions
from cior_store.questions.packages import PackageQuestions


class Taken(Struct, frozen=True, kw_only=True):
    """A reserved alert that a judge's order takes. ``events``: those that go out with it; ``withheld``: how many stay,
    since they tell who is protected and the order does not name them.
    """

    alert: str
    events: tuple[str, ...]
    withheld: int = 0


class BoxUse(Struct, frozen=True, kw_only=True):
    """``taken``: what goes out of what is sealed; ``identity``: and who is protected; ``handed``: what was opened, by
    record.
    """

    taken: tuple[Taken, ...] = ()
    identity: bool = False
    handed: Mapping[str, Handed] = {}


NO_BOXES: Final = BoxUse()


class Warrant(Struct, frozen=True, kw_only=True):
    """What a request may have: ``alerts`` that it names, ``basis`` and ``reason`` of its order, how many approved it,
    whether it is for what is ``sealed``, and whether it names the ``identity`` of who is protected.
    """

    alerts: tuple[str, ...]
    basis: LegalBasis
    reason: str
    approvers: int
    sealed: bool
    identity: bool = False


def decided_of_sealed(policy: Policy, warrant: Warrant) -> Decision:
    """What the table says of what is sealed to who asks: a judge's order, and two who approved it."""
    asking = Asking(
        role=Role.PROSECUTOR, purpose=Purpose.JUDICIAL_REQUEST, data_class=DataClass.SEALED, legal_basis=warrant.basis,
        approvers=warrant.approvers, reason=warrant.reason,
    )  # fmt: skip
    return decide(asking, policy)


def lets_out_sealed(policy: Policy, warrant: Warrant) -> bool:
    """Whether what is sealed goes out: it was ordered, and the table gives it."""
    return warrant.sealed and decided_of_sealed(policy, warrant).outcome == "allow"


def lets_out_identity(policy: Policy, warrant: Warrant) -> bool:
    """Whether who is protected goes out: the order says that too."""
    return warrant.identity and lets_out_sealed(policy, warrant)


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
    """The boxes of one store, and the alerts whose events came in them."""

    def __init__(self, store: Store) -> None:
        self._ask, self._packages = Questions(store), PackageQuestions(store)

    def among(self, raw_ids: Iterable[str]) -> frozenset[str]:
        """Those of these records that lie in boxes."""
        absent = sorted({each for each in raw_ids if self._ask.raw(each) is None})
        return self._packages.boxed(absent)

    def openable(self, boxed: frozenset[str], *, covered: frozenset[str]) -> frozenset[str]:
        """Those of these boxes that the order opens: what is sealed in them is all among the events it covers."""
        sealed_in = self._packages.sealed_in(sorted(boxed))
        return frozenset(each for each in boxed if sealed_in.get(each, frozenset()) <= covered)

    def taken(self, warrant: Warrant, policy: Policy) -> tuple[Taken, ...]:
        """The reserved alerts that an order takes; none without a judge, and two who approved."""
        if not lets_out_sealed(policy, warrant):
            return ()
        named = self._packages.alerts_named(sorted(warrant.alerts))
        return tuple(self._taken(each.alert_id, identity=warrant.identity) for each in named if each.reserved)

    def _taken(self, alert: str, *, identity: bool) -> Taken:
        rows = [self._ask.event(each) for each in self._packages.members_of_reserved([alert])]
        there = [each for each in rows if each is not None]
        out = tuple(each.event_id for each in there if identity or _names_nobody(each))
        return Taken(alert=alert, events=out, withheld=len(rows) - len(out))

    def box(self, raw_id: str) -> ClosedBox | None:
        """As it was stored; None: it is not there any more."""
        row = self._ask.sealed_raw(raw_id)
        if row is None:
            return None
        return ClosedBox(record=row.raw_id, received_ms=row.received_ms, sha256=row.sha256, box=row.payload)

    def needed(self, warrant: Warrant, policy: Policy, *, now_ms: int) -> tuple[ClosedBox, ...]:
        """Every box that the alerts of a request need, in the order of their records."""
        shown = Shown(policy, warrant.basis, warrant.reason, now_ms)
        named = self._packages.alerts_named(sorted(warrant.alerts))
        members = dict.fromkeys(event for each in named if not each.reserved for event in each.member_ids)
        rows = (self._ask.event(event) for event in members)
        events = [row.event_id for row in rows if row is not None and shown.may(row)]
        covered = frozenset[str]()
        if lets_out_identity(policy, warrant):
            covered = frozenset(event for each in self.taken(warrant, policy) for event in each.events)
        carriers = {raw for event in {*events, *covered} for raw in self._ask.raws_of_event(event)}
        wanted = self.openable(self.among(carriers), covered=covered)
        found = (self.box(each) for each in sorted(wanted))
        return tuple(each for each in found if each is not None)


def _names_nobody(row: EventRow) -> bool:
    return names_nobody(codec.decode(Kind.EVENT, row.body))


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
