"""The records of an order's interval out of the store: alerts that opened in it, the events they hold, and the raw
bytes that carried those. Each record passes ``privacy.decide``; what is reserved is counted and stays (law 17), but
for what a judge's order takes of it. Bytes in a sealed box, and the events as they were read from those, come out of it
with the key of that box, where somebody who keeps the private key handed it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from cior_bus.sealed_content import SealedContent
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import IntegrityBroken
from cior_core.model import DataClass, Event, Struct
from cior_core.privacy import LegalBasis, Policy
from cior_core.requests import AuthorityKind
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.box_files import ClosedBox
from cior_evidence.box_room import Handed, check_box
from cior_evidence.boxes_of_store import (
    NO_BOXES,
    BoxUse,
    Shown,
    StoreBoxes,
    Taken,
    Warrant,
    carried,
    lets_out_identity,
)
from cior_evidence.custody import Deed
from cior_evidence.footage_in import Footage
from cior_evidence.order import Order
from cior_evidence.packing import Sources
from cior_evidence.records_in import ClosedRaw, EventBytes, Opening, RawBytes
from cior_store.answers import AlertRow, EventRow, ReadRow, StoryLine
from cior_store.engine import Store
from cior_store.questions import Questions
from cior_store.questions.packages import PackageQuestions

_BASIS: Final = {
    AuthorityKind.PROSECUTOR: LegalBasis.PROSECUTOR_ORDER,
    AuthorityKind.JUDGE: LegalBasis.COURT_ORDER,
}
"""Whose order opens what the table restricts; the defence has the prosecution's package, byte for byte."""


class _Chosen(Struct, frozen=True):
    """``reserved``: how many alerts and events are left out; ``sealed``: those that a judge's order takes."""

    alerts: tuple[str, ...]
    events: tuple[str, ...]
    reserved: int
    sealed: frozenset[str]


class StoreRecords:
    """:class:`cior_evidence.records_in.Records` of a store. Memory holds ids of the interval's alerts and events.

    ``only``: the alerts that were asked for; None: all that opened in the interval.
    """

    def __init__(
        self,
        store: Store,
        order: Order,
        policy: Policy,
        *,
        now_ms: int,
        only: frozenset[str] | None = None,
        use: BoxUse = NO_BOXES,
    ) -> None:
        self._only, self._use = only, use
        self._ask, self._packages, self._boxes = Questions(store), PackageQuestions(store), StoreBoxes(store)
        self._order = order
        basis = _BASIS.get(order.asked.kind, LegalBasis.NONE)
        self._shown = Shown(policy, basis, order.asked.reason, now_ms)

    @property
    def reserved(self) -> int:
        """How many alerts, events and raw records were left out."""
        return self._chosen.reserved + len(self._boxed - self._openable.keys())

    def raws(self) -> Iterator[RawBytes]:
        """In the order of the events that they carried. Raises ``IntegrityBroken`` (``package.raw_missing``)."""
        told: set[str] = set()
        for event_id in self._chosen.events:
            for raw_id in self._carriers[event_id]:
                if raw_id not in told:
                    told.add(raw_id)
                    if raw_id not in self._openable:
                        yield self._raw(raw_id)
                    elif raw_id in self._use.handed:
                        yield self._out_of_box(raw_id)
        for raw_id in self._openable:
            if raw_id not in told and raw_id in self._use.handed:
                yield self._out_of_box(raw_id)

    def closed(self) -> Iterator[ClosedRaw]:
        """Boxes that nobody opened. Raises ``IntegrityBroken`` (``package.raw_missing``)."""
        for raw_id, events in self._openable.items():
            if raw_id not in self._use.handed:
                box = self._box(raw_id)
                shown = tuple(each for each in events if each in self._carriers)
                yield ClosedRaw(raw_id, box.received_ms, box.sha256, box.box, shown)

    def events(self) -> Iterator[EventBytes]:
        """In the order in which their alerts opened, those of reserved ones last, each with itself as it was read from
        what came out of its box.
        """
        for event_id in self._chosen.events:
            row, is_sealed = self._event(event_id), event_id in self._chosen.sealed
            yield EventBytes(
                id=row.event_id, type=row.type, source=row.source, occurred_ms=row.occurred_ms,
                received_ms=row.received_ms, body=row.body, raws=self._carriers[event_id], reserved=is_sealed,
            )  # fmt: skip
            if is_sealed and self._use.identity and row.data_class == DataClass.SEALED:
                yield from self._read_in_box(row)

    def alerts(self) -> Iterator[dict[str, Any]]:
        """With every reason and the whole story."""
        for alert_id in self._chosen.alerts:
            row = self._ask.alert(alert_id)
            if row is not None:
                is_sealed = alert_id in self._chosen.sealed
                yield _alert_line(row, self._ask.alert_story(alert_id)) | (
                    {"reservada": True} if is_sealed else {}
                )

    @cached_property
    def _chosen(self) -> _Chosen:
        assert self._order.events is not None
        since_ms, until_ms = self._order.events.span
        opened = [
            each
            for each in self._packages.alerts_opened(since_ms=since_ms, until_ms=until_ms)
            if self._only is None or each.alert_id in self._only
        ]
        taken = {each.alert: each for each in self._use.taken}
        members = dict.fromkeys(one for each in opened if not each.reserved for one in each.member_ids)
        shown = tuple(one for one in members if self._shown.may(self._event(one)))
        alerts = tuple(each.alert_id for each in opened if not each.reserved or each.alert_id in taken)
        mine = [taken[each] for each in alerts if each in taken]
        sealed = dict.fromkeys(one for each in mine for one in each.events)
        withheld = len(members) - len(shown) + sum(each.withheld for each in mine)
        return _Chosen(
            alerts=alerts,
            events=tuple(dict.fromkeys((*shown, *sealed))),
            reserved=len(opened) - len(alerts) + withheld,
            sealed=frozenset((*sealed, *(each.alert for each in mine))),
        )

    @cached_property
    def _all_carriers(self) -> Mapping[str, tuple[str, ...]]:
        return {event_id: self._ask.raws_of_event(event_id) for event_id in self._chosen.events}

    @cached_property
    def _boxed(self) -> frozenset[str]:
        """Raw records whose bytes only a private key opens: of a line that may carry silent alarms, all."""
        return self._boxes.among(raw_id for raw_ids in self._all_carriers.values() for raw_id in raw_ids)

    @cached_property
    def _openable(self) -> Mapping[str, tuple[str, ...]]:
        """Boxes that this order opens, with the events that they carried."""
        covered = self._chosen.sealed if self._use.identity else frozenset[str]()
        mine = self._boxes.openable(self._boxed, covered=covered)
        return carried(self._all_carriers, mine.__contains__)

    @cached_property
    def _carriers(self) -> Mapping[str, tuple[str, ...]]:
        """Of each event, the raw records that may be told of."""
        return {
            event_id: tuple(each for each in raw_ids if each not in self._boxed or each in self._openable)
            for event_id, raw_ids in self._all_carriers.items()
        }

    def _event(self, event_id: str) -> EventRow:
        row = self._ask.event(event_id)
        if row is None:
            raise _missing("package.event_missing", "an event of an alert is not in the store")
        return row

    def _raw(self, raw_id: str) -> RawBytes:
        row = self._ask.raw(raw_id)
        if row is None:
            raise _missing("package.raw_missing", "a raw record of an event is not in the store")
        return RawBytes(
            id=row.raw_id, source=row.source, received_ms=row.received_ms, sha256=row.sha256,
            content_type=row.content_type, payload=row.payload,
        )  # fmt: skip

    def _box(self, raw_id: str) -> ClosedBox:
        box = self._boxes.box(raw_id)
        if box is None:
            raise _missing("package.raw_missing", "a sealed record of an event is not in the store")
        return box

    def _opened(self, raw_id: str) -> tuple[ClosedBox, SealedContent]:
        """Raises ``IntegrityBroken`` and ``AccessDenied`` (``boxes.*``)."""
        box = self._box(raw_id)
        return box, check_box(box.box, self._use.handed[raw_id].opened, sealed=self._use.identity)

    def _read_in_box(self, row: EventRow) -> Iterator[EventBytes]:
        """A sealed event as it was read at receipt, from the first of its boxes that was opened and tells it."""
        stripped: Event = codec.decode(Kind.EVENT, row.body)
        for raw_id in self._carriers[row.event_id]:
            if raw_id not in self._use.handed:
                continue
            place = stripped.raw.index if stripped.raw is not None and stripped.raw.raw_id == raw_id else None
            body = _told_in(self._opened(raw_id)[1], place)
            if body is not None:
                told: Event = codec.decode(Kind.EVENT, body)
                yield EventBytes(
                    id=told.id, type=told.type, source=told.source, occurred_ms=told.occurred_ms,
                    received_ms=told.received_ms, body=body, raws=(raw_id,), reserved=True, tells=row.event_id,
                )  # fmt: skip
                return

    def _out_of_box(self, raw_id: str) -> RawBytes:
        """Raises ``IntegrityBroken`` and ``AccessDenied`` (``boxes.*``)."""
        box, content = self._opened(raw_id)
        handed = self._use.handed[raw_id]
        opened = handed.opened
        return RawBytes(
            id=raw_id, source=content.source, received_ms=box.received_ms, sha256=content.sha256,
            content_type=content.content_type, payload=content.payload,
            opening=Opening(
                box=box.box, key=opened.key, who=opened.who, reason=opened.reason, opened_ms=opened.at_ms,
                by=handed.by, at_ms=handed.at_ms,
            ),
        )  # fmt: skip


def _told_in(content: SealedContent, place: int | None) -> bytes | None:
    """The sealed event at this place of a box's events, or the only one; None: the box does not tell which it is."""
    sealed = {
        n: body
        for n, body in enumerate(content.events)
        if codec.decode(Kind.EVENT, body).data_class is DataClass.SEALED
    }
    if place is not None:
        return sealed.get(place)
    return next(iter(sealed.values())) if len(sealed) == 1 else None


class StoreContent:
    """:class:`cior_evidence.making.Content` of a store: records of the alerts that were asked for, and what cameras and
    readers of them said in any case. ``rules``: as of ``herramientas.json``.
    """

    def __init__(
        self, store: Store, policy: Policy, rules: tuple[Mapping[str, str], ...], *, now_ms: Callable[[], int]
    ) -> None:
        self._store, self._policy, self._rules, self._now_ms = store, policy, rules, now_ms

    def opened(self, alerts: tuple[str, ...], /) -> Mapping[str, int]:
        """When each was opened. Raises ``SourceUnavailable``."""
        ask = Questions(self._store)
        found = ((alert, ask.alert(alert)) for alert in alerts)
        return {alert: row.opened_ms for alert, row in found if row is not None}

    def boxes(self, warrant: Warrant, /) -> tuple[ClosedBox, ...]:
        """The closed boxes that a request needs. Raises ``SourceUnavailable``."""
        return StoreBoxes(self._store).needed(warrant, self._policy, now_ms=self._now_ms())

    def taken(self, warrant: Warrant, /) -> tuple[Taken, ...]:
        """The reserved alerts that a judge's order takes. Raises ``SourceUnavailable``."""
        return StoreBoxes(self._store).taken(warrant, self._policy)

    def sources(
        self,
        order: Order,
        /,
        *,
        warrant: Warrant,
        taken: tuple[Taken, ...],
        handed: Mapping[str, Handed],
        footage: Footage,
        deeds: tuple[Deed, ...],
    ) -> Sources:
        """Everything that goes in."""
        use = BoxUse(taken=taken, identity=lets_out_identity(self._policy, warrant), handed=handed)
        only = frozenset(warrant.alerts)
        records = StoreRecords(self._store, order, self._policy, now_ms=self._now_ms(), only=only, use=use)
        return Sources(
            footage=footage,
            deeds=deeds,
            records=records if order.events is not None else None,
            health=health_of(self._store, order),
            reads=reads_of(self._store, order),
            rules=self._rules,
        )


def health_of(store: Store, order: Order) -> tuple[Mapping[str, Any], ...]:
    """Lines of ``salud.jsonl`` for the cameras of the order."""
    ask = PackageQuestions(store)
    found = [
        {"camara": each.camera, "desde": to_rfc3339(each.at_ms), "estado": each.state, "motivo": each.reason}
        for item in order.scope
        for each in ask.camera_said(item.camera, since_ms=item.span[0], until_ms=item.span[1])
    ]
    return tuple(sorted(found, key=lambda each: (each["camara"], each["desde"])))


def reads_of(store: Store, order: Order) -> tuple[Mapping[str, Any], ...]:
    """Lines of ``accesos.jsonl``: what the ledger says of the request and its cameras."""
    subjects = sorted({order.asked.id, order.package, *(item.camera for item in order.scope)})
    return tuple(_read_line(each) for each in PackageQuestions(store).reads_about(subjects))


def _read_line(row: ReadRow) -> dict[str, Any]:
    return {
        "momento": to_rfc3339(row.at_ms), "quien": row.actor, "rol": row.role, "acto": row.act, "sobre": row.subject,
        "proposito": row.purpose,
    }  # fmt: skip


def _missing(code: str, sentence: str) -> IntegrityBroken:
    return IntegrityBroken(code, sentence, cure="run cior verify-log, and restore the store before building")


def _alert_line(row: AlertRow, story: tuple[StoryLine, ...]) -> dict[str, Any]:
    reasons = zip(row.reason_codes, row.reason_points, row.reasons_es, strict=True)
    return {
        "alerta": row.alert_id, "version": row.version, "tipo": row.type, "nivel": row.level, "estado": row.status,
        "abierta": to_rfc3339(row.opened_ms), "actualizada": to_rfc3339(row.updated_ms), "puntos": row.score,
        "razones": [{"codigo": code, "puntos": points, "texto": text} for code, points, text in reasons],
        "simulacro": row.drill, "fuentes": list(row.sources), "historia": [_story_line(each) for each in story],
    }  # fmt: skip


def _story_line(line: StoryLine) -> dict[str, Any]:
    return {
        "momento": to_rfc3339(line.at_ms), "acto": line.kind, "quien": line.actor, "nivel": line.level,
        "estado": line.status, "detalle": line.detail_es,
    }  # fmt: skip
