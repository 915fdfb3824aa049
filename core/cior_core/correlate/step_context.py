"""The working copy of one step: the only owner of its cases, and the collector of what comes out.

A context lives inside one call of ``step`` only. Each alert touched in a step gets one new version, one upsert and its
transitions, however many things happened to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from cior_core.correlate import due
from cior_core.correlate.index import (
    COMPARED_MAX,
    Lookup,
    filed_case,
    filed_families,
    filed_pending,
    filed_sent,
    filed_too,
    filed_watch,
    nearest,
    refiled,
    sent_key,
    watched_key,
)
from cior_core.correlate.persistent_map import PersistentMap
from cior_core.correlate.state import STORED_AS, UNDECODED, Case, Part, Pending, Sent, State, Watch
from cior_core.correlate.view import all_parts, view
from cior_core.identity import transition_id
from cior_core.model import (
    ActionKind,
    AgencyStage,
    Alert,
    AlertId,
    AlertStatus,
    AppendTransition,
    Command,
    DataClass,
    Disposition,
    Effect,
    IssueCommand,
    Level,
    Place,
    Reason,
    Silence,
    Transition,
    UpsertAlert,
    UpsertSilence,
)
from cior_core.rules import RulePack
from cior_core.sentences import Text
from cior_core.taxonomy import EventType

AUTOMATON = "cior"

replace = msgspec.structs.replace


_WORDS: Final[dict[type, str]] = {
    ActionKind: "act",
    AgencyStage: "stage",
    AlertStatus: "status",
    Disposition: "disposition",
}


class _NewTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A transition before it has its version."""

    kind: str
    actor: str
    text: Text
    reasons: tuple[Reason, ...] = ()
    drill: bool = False


def _counted_uses(
    uses: PersistentMap[int], before: Iterable[str], after: Iterable[str]
) -> PersistentMap[int]:
    """How many cases run each protocol, when one that ran ``before`` runs ``after``."""
    for mark, change in (*((mark, -1) for mark in before), *((mark, 1) for mark in after)):
        count = (uses.get(mark) or 0) + change
        uses = uses.put(mark, count) if count else uses.drop(mark)
    return uses


class StepContext:
    """See the module. ``now_ms`` never goes back.

    Others hold ids of cases, never a case that they give back later: an update from somewhere else would be lost.
    """

    def __init__(self, state: State, rules: RulePack, *, at_ms: int, item_id: str) -> None:
        self.before = state
        self.rules = rules
        self.now_ms = max(state.head.now_ms, at_ms)
        self.item_id = item_id
        self.head = replace(state.head, seq=state.head.seq + 1, now_ms=self.now_ms)
        self.cases = state.cases.working()
        self.seen = state.seen.working()
        self.pending = state.pending
        self.watches = state.watches
        self.storms = state.storms
        self.sent = state.sent.working()
        self.patterns = state.patterns
        self.lines = state.lines
        self.silences = state.silences
        self.protocols = state.protocols
        self.eyes = state.eyes
        self.index = state.index.working()
        self.uses = state.uses
        self._touched: dict[AlertId, None] = {}
        # None: those of the area itself.
        self._transitions: dict[AlertId | None, list[_NewTransition]] = {}
        self._commands: list[Command] = []
        self._silences: dict[str, Silence] = {}
        self._dropped: list[str] = []
        self._undecoded = rules.types[UNDECODED]

    def kind(self, code: str) -> EventType:
        """The type called ``code``; that of undecoded sources when the taxonomy does not know it."""
        return self.rules.types.get(code, self._undecoded)

    def text(self, code: str, **arguments: object) -> Text:
        """The sentence called ``code``, filled in."""
        return self.rules.sentences.text(code, arguments)

    def word(self, value: ActionKind | AgencyStage | AlertStatus | Disposition) -> Text:
        """What ``value`` is called, inside a sentence."""
        return self.rules.sentences.text(f"word_{_WORDS[type(value)]}_{value.value}", {})

    def case(self, alert_id: AlertId | str | None) -> Case | None:
        """The case called ``alert_id`` as this step left it so far, or None: for reading only."""
        return None if alert_id is None else self.cases.get(alert_id)

    def current(self, case_id: AlertId) -> Case:
        """The case that the caller knows to exist. Raises ``KeyError`` when it does not."""
        found = self.cases.get(case_id)
        if found is None:
            raise KeyError(case_id)
        return found

    def root(self, alert_id: AlertId | str) -> Case | None:
        """The case that shows ``alert_id``: itself, or what absorbed it."""
        case = self.cases.get(alert_id)
        while case is not None and case.alert.merged_into is not None:
            case = self.cases.get(case.alert.merged_into)
        return case

    @property
    def touched(self) -> tuple[AlertId, ...]:
        """What this step changed until now."""
        return tuple(self._touched)

    def parts(self, case_id: AlertId) -> tuple[Part, ...]:
        """The case's own parts and those of what it absorbed, by instant then id."""
        return all_parts(self.current(case_id), self.cases)

    def candidates(self, wanted: Iterable[Lookup]) -> list[Case]:
        """The cases under any of ``wanted``, the nearest in time first; an absorbed one gives way to its root."""
        found = nearest(self.index, wanted)
        return list({case.id: case for key in found if (case := self.root(key)) is not None}.values())

    def cases_of(
        self, mark: str, families: Iterable[str], *, around_ms: int, within_ms: int, limit: int = COMPARED_MAX
    ) -> list[Case]:
        """Cases of the shelf ``mark`` with a part of one of ``families`` that began near an instant, by id; an absorbed
        one stands for its root."""
        keys = [f"{mark}f:{family}" for family in sorted(set(families))]
        found = nearest(self.index, [Lookup(keys, around_ms, within_ms)], limit=limit)
        roots = {case.id: case for alert_id in found if (case := self.root(alert_id)) is not None}
        return [roots[alert_id] for alert_id in sorted(roots) if roots[alert_id].parts]

    def waiting(self, wanted: Iterable[Lookup], *, limit: int = COMPARED_MAX) -> list[tuple[str, Pending]]:
        """The nearest waiting events under any of ``wanted``, by key."""
        found = sorted(nearest(self.index, wanted, limit=limit))
        return [(key, pending) for key in found if (pending := self.pending.get(key)) is not None]

    def watch(self, key: str, watch: Watch) -> None:
        """Watch a place."""
        self.watch_no_more(key)
        self.watches = self.watches.put(key, watch)
        self.index = refiled(self.index, set(), filed_watch(key, watch))

    def watch_no_more(self, key: str) -> None:
        """Drop a watched place."""
        if (known := self.watches.get(key)) is not None:
            self.index = refiled(self.index, filed_watch(key, known), set())
            self.drop("watches", key)

    def watched_around(self, places: Iterable[Place]) -> list[Watch]:
        """The watched places whose cells hold one of ``places``, by key."""
        cells = {key for place in places if (key := watched_key(place)) is not None}
        found = {key for cell in cells for _, key, _ in self.index.get(cell) or ()}
        return [watch for key in sorted(found) if (watch := self.watches.get(key)) is not None]

    def wait(self, key: str, pending: Pending) -> None:
        """Let an event wait."""
        known = self.pending.get(key)
        before = set() if known is None else filed_pending(key, known, self.rules)
        self.pending = self.pending.put(key, pending)
        self.index = refiled(self.index, before, filed_pending(key, pending, self.rules))

    def wait_no_more(self, key: str) -> None:
        """Drop a waiting event."""
        if (known := self.pending.get(key)) is not None:
            self.index = refiled(self.index, filed_pending(key, known, self.rules), set())
            self.drop("pending", key)

    def open(self, case: Case) -> None:
        """Keep a case that is new."""
        self._keep(case, ran=())
        self.index = refiled(self.index, set(), filed_case(case, self.rules))

    def update(self, case_id: AlertId, *, of_alert: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """Change fields of the case, and fields ``of_alert`` in one go; what shows it is shown again too."""
        case = self.current(case_id)
        if of_alert:
            changes["alert"] = replace(case.alert, **of_alert)
        changed = replace(case, **changes)
        self._keep(changed, ran=case.protocols)
        if "parts" in changes:
            added = filed_case(changed, self.rules, without=case)
            self.index = refiled(self.index, filed_families(case, self.rules), added)
        elif "own_type" in changes:
            filed = filed_families(changed, self.rules)
            self.index = refiled(self.index, filed_families(case, self.rules), filed)

    def note(self, case_id: AlertId, **changes: Any) -> None:
        """Change what of the case is not shown: its alert gets no new version for that."""
        self.cases = self.cases.put(case_id, replace(self.current(case_id), **changes))

    def update_alert(self, case_id: AlertId, **changes: Any) -> None:
        """Change fields of the case's alert; what shows it is shown again too."""
        case = self.current(case_id)
        self._keep(replace(case, alert=replace(case.alert, **changes)), ran=case.protocols)

    def _keep(self, case: Case, *, ran: tuple[str, ...]) -> None:
        """``ran``: the protocols that it ran before."""
        case_id = case.id
        if ran is not case.protocols:
            self._count_uses(ran, case.protocols)
        self.cases = self.cases.put(case_id, case)
        self._touched[case_id] = None
        if case.alert.merged_into is not None:
            self._touched[case.alert.merged_into] = None

    def _count_uses(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        if before != after:
            self.uses = _counted_uses(self.uses, before, after)

    def remember_sent(self, command_id: str, sent: Sent) -> None:
        """Keep a command that was issued; it goes with its alert."""
        self.sent = self.sent.put(command_id, sent)
        self.index = filed_too(self.index, filed_sent(command_id, sent))

    def forget(self, case_id: AlertId) -> None:
        """Drop a case, its commands and its index entries. The store keeps its transitions."""
        case = self.current(case_id)
        for issued_ms, command_id, _ in list(self.index.get(sent_key(case_id)) or ()):
            self.drop("sent", command_id)
            self.index = refiled(self.index, {(sent_key(case_id), (issued_ms, command_id, 0))}, set())
        self.cases = self.cases.drop(case_id)
        self._dropped += [
            f"alert/{case_id}",
            *(f"part/{case_id}/{part.member.event_id}" for part in case.parts),
        ]
        self._count_uses(case.protocols, ())
        self.index = refiled(self.index, filed_case(case, self.rules), set())

    def drop(
        self,
        name: Literal[
            "seen", "pending", "watches", "storms", "sent", "patterns", "silences", "protocols", "eyes"
        ],
        key: str,
    ) -> None:
        """Drop one entry of the map called ``name``, remembering that its stored bytes are left over."""
        kept: PersistentMap[Any] = getattr(self, name)
        if key in kept:
            setattr(self, name, kept.drop(key))
            self._dropped.append(f"{STORED_AS[name]}/{key}")

    def add_transition(
        self,
        alert_id: AlertId,
        kind: str,
        text: Text,
        *,
        actor: str = AUTOMATON,
        reasons: tuple[Reason, ...] = (),
    ) -> None:
        """Add a transition to an alert's history (and so a version to the alert)."""
        self._touched[alert_id] = None
        new = _NewTransition(kind=kind, actor=actor, text=text, reasons=reasons)
        self._transitions.setdefault(alert_id, []).append(new)

    def add_area_transition(
        self,
        kind: str,
        text: Text,
        *,
        actor: str = AUTOMATON,
        reasons: tuple[Reason, ...] = (),
        drill: bool = False,
    ) -> None:
        """Add a transition to the area's own history: what concerns no alert."""
        new = _NewTransition(kind=kind, actor=actor, text=text, reasons=reasons, drill=drill)
        self._transitions.setdefault(None, []).append(new)

    def keep_silence(self, silence: Silence) -> None:
        """A silence as it stands now; one that has ended is told, and then forgotten."""
        known = self.before.silences.get(silence.id)
        told = replace(silence, version=1 if known is None else known.version + 1)
        self._silences[silence.id] = told
        if told.ended_ms is None:
            self.silences = self.silences.put(silence.id, told)
        else:
            self.drop("silences", silence.id)

    def issue(self, command: Command) -> None:
        """Ask for a command."""
        self._commands.append(command)

    def finish(self) -> tuple[State, tuple[Effect, ...]]:
        """The new state and, in order: each touched alert with its transitions, the area's own, silences, commands."""
        effects: list[Effect] = []
        for alert_id in self._touched:
            case = self.cases.get(alert_id)
            if case is None:
                continue
            shown = view(case, self.cases, self.rules, version=case.alert.version + 1, now_ms=self.now_ms)
            self.cases = self.cases.put(alert_id, replace(case, alert=shown))
            effects.append(UpsertAlert(alert=shown))
            effects += [
                AppendTransition(transition=self._transition(new, shown, n))
                for n, new in enumerate(self._transitions.get(alert_id, ()))
            ]
        effects += self._area_transitions()
        effects += [UpsertSilence(silence=silence) for silence in self._silences.values()]
        effects += [IssueCommand(command=command) for command in self._commands]
        return self._state(), tuple(effects)

    def _transition(self, new: _NewTransition, alert: Alert, n: int) -> Transition:
        return Transition(
            id=transition_id(alert.id, alert.version, n=n),
            alert_id=alert.id,
            area=alert.area,
            version=alert.version,
            at_ms=self.now_ms,
            kind=new.kind,
            actor=new.actor,
            level=alert.level,
            status=alert.status,
            detail_es=new.text.es,
            detail_en=new.text.en,
            reasons=new.reasons,
            item_id=self.item_id,
            drill=alert.drill,
            data_class=alert.data_class,
        )

    def _area_transitions(self) -> list[Effect]:
        added = self._transitions.get(None)
        if not added:
            return []
        self.head = replace(self.head, transitions=self.head.transitions + 1)
        area_id = AlertId(f"area:{self.head.area}")
        return [
            AppendTransition(
                transition=Transition(
                    id=transition_id(area_id, self.head.transitions, n=n),
                    alert_id=area_id,
                    area=self.head.area,
                    version=self.head.transitions,
                    at_ms=self.now_ms,
                    kind=new.kind,
                    actor=new.actor,
                    level=Level.P5,
                    status=AlertStatus.CLOSED,
                    detail_es=new.text.es,
                    detail_en=new.text.en,
                    reasons=new.reasons,
                    item_id=self.item_id,
                    drill=new.drill,
                    data_class=DataClass.RESTRICTED,
                )
            )
            for n, new in enumerate(added)
        ]

    def _state(self) -> State:
        dues = due.brought_up(self.before.dues, self.before, self)
        return State(
            head=self.head,
            cases=self.cases.kept(),
            seen=self.seen.kept(),
            pending=self.pending,
            watches=self.watches,
            storms=self.storms,
            sent=self.sent.kept(),
            patterns=self.patterns,
            lines=self.lines,
            silences=self.silences,
            protocols=self.protocols,
            eyes=self.eyes,
            index=self.index.kept(),
            uses=self.uses,
            dues=dues,
            stale=tuple(sorted(self._dropped)),
        )
