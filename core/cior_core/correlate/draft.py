"""One step's working copy: reads and changes cases, collects the story, and ends as a new state and its effects.

A draft lives inside one call of ``step`` only. Each alert touched in a step gets one new version, one upsert and its lines of story, however
many things happened to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from cior_core.correlate import cases
from cior_core.correlate.matching import index_keys
from cior_core.correlate.shelf import Shelf
from cior_core.correlate.state import Case, Part, State
from cior_core.identity import transition_id
from cior_core.model import (
    Alert,
    AlertId,
    AlertStatus,
    AppendTransition,
    Command,
    DataClass,
    Effect,
    IssueCommand,
    Level,
    Reason,
    Struct,
    Transition,
    UpsertAlert,
)
from cior_core.taxonomy import EventType

if TYPE_CHECKING:
    from cior_core.rules import RulePack

AUTOMATON = "cior"
UNDECODED = "source.undecoded"

STORED_AS: Final = {
    "seen": "seen",
    "pending": "pending",
    "watches": "watch",
    "storms": "storm",
    "sent": "command",
    "patterns": "pattern",
}
"""The word that starts the storage key of each shelf (:mod:`~cior_core.correlate.persist`)."""

replace = msgspec.structs.replace


class _Line(Struct, frozen=True, kw_only=True):
    """A line of story before it has its version. ``alert_id`` None: the area's own story."""

    alert_id: AlertId | None
    kind: str
    actor: str
    text_es: str
    text_en: str
    reasons: tuple[Reason, ...] = ()
    drill: bool = False


class Draft:
    """See the module. ``now_ms`` never goes back."""

    def __init__(self, state: State, rules: RulePack, *, at_ms: int, item_id: str) -> None:
        self.before = state
        self.rules = rules
        self.now_ms = max(state.head.now_ms, at_ms)
        self.item_id = item_id
        self.head = replace(state.head, seq=state.head.seq + 1, now_ms=self.now_ms)
        self.cases = state.cases
        self.seen = state.seen
        self.pending = state.pending
        self.watches = state.watches
        self.storms = state.storms
        self.sent = state.sent
        self.patterns = state.patterns
        self.index = state.index
        self._touched: dict[AlertId, None] = {}
        self._lines: list[_Line] = []
        self._commands: list[Command] = []
        self._dropped: list[str] = []
        self._undecoded = rules.types[UNDECODED]

    def kind(self, code: str) -> EventType:
        """The type called ``code``; that of undecoded sources when the taxonomy does not know it (it alerts, marked degraded)."""
        return self.rules.types.get(code, self._undecoded)

    def case(self, alert_id: AlertId | str | None) -> Case | None:
        """The case called ``alert_id``, as this step left it so far."""
        return None if alert_id is None else self.cases.get(alert_id)

    def root(self, alert_id: AlertId | str) -> Case | None:
        """The case that shows ``alert_id``: itself, or what absorbed it."""
        case = self.cases.get(alert_id)
        while case is not None and case.alert.merged_into is not None:
            case = self.cases.get(case.alert.merged_into)
        return case

    def parts(self, case: Case) -> tuple[Part, ...]:
        """The case's own parts and those of what it absorbed, by instant then id."""
        return cases.all_parts(case, self.cases)

    def candidates(self, keys: Iterable[str]) -> list[str]:
        """Ids of the cases found under any of ``keys``, sorted; an absorbed case stands for its root."""
        found: set[str] = set()
        for key in keys:
            found.update(self.index.get(key) or ())
        roots = {case.id for alert_id in found if (case := self.root(alert_id)) is not None}
        return sorted(roots)

    def put(self, case: Case) -> None:
        """Keep a changed case; what shows it is shown again too."""
        known = self.cases.get(case.id)
        self.cases = self.cases.put(case.id, case)
        self._touched[case.id] = None
        for part in case.parts[
            len(known.parts) if known is not None and case.parts[: len(known.parts)] == known.parts else 0 :
        ]:
            for key in index_keys(part, self.rules.merge):
                ids = self.index.get(key) or ()
                if case.id not in ids:
                    self.index = self.index.put(key, tuple(sorted((*ids, case.id))))
        if case.alert.merged_into is not None:
            self._touched[case.alert.merged_into] = None

    def forget(self, case: Case) -> None:
        """Drop a case and its index entries. The store keeps its story."""
        self.cases = self.cases.drop(case.id)
        self._dropped += [
            f"alert/{case.id}",
            *(f"part/{case.id}/{part.member.event_id}" for part in case.parts),
        ]
        for part in case.parts:
            for key in index_keys(part, self.rules.merge):
                left = tuple(alert_id for alert_id in self.index.get(key) or () if alert_id != case.id)
                self.index = self.index.put(key, left) if left else self.index.drop(key)

    def drop(
        self, shelf: Literal["seen", "pending", "watches", "storms", "sent", "patterns"], key: str
    ) -> None:
        """Drop one entry of a shelf, remembering that its stored bytes are left over."""
        kept: Shelf[Any] = getattr(self, shelf)
        if key in kept:
            setattr(self, shelf, kept.drop(key))
            self._dropped.append(f"{STORED_AS[shelf]}/{key}")

    def say(
        self,
        alert_id: AlertId,
        kind: str,
        text_es: str,
        text_en: str,
        *,
        actor: str = AUTOMATON,
        reasons: tuple[Reason, ...] = (),
    ) -> None:
        """Add a line to an alert's story (and so a version to the alert)."""
        self._touched[alert_id] = None
        self._lines.append(
            _Line(
                alert_id=alert_id, kind=kind, actor=actor, text_es=text_es, text_en=text_en, reasons=reasons
            )
        )

    def say_area(
        self,
        kind: str,
        text_es: str,
        text_en: str,
        *,
        actor: str = AUTOMATON,
        reasons: tuple[Reason, ...] = (),
        drill: bool = False,
    ) -> None:
        """Add a line to the area's own story: what concerns no alert."""
        self._lines.append(
            _Line(
                alert_id=None,
                kind=kind,
                actor=actor,
                text_es=text_es,
                text_en=text_en,
                reasons=reasons,
                drill=drill,
            )
        )

    def issue(self, command: Command) -> None:
        """Ask for a command."""
        self._commands.append(command)

    def finish(self) -> tuple[State, tuple[Effect, ...]]:
        """The new state and, in order: each touched alert with its story, the area's story, the commands."""
        effects: list[Effect] = []
        for alert_id in self._touched:
            case = self.cases.get(alert_id)
            if case is None:
                continue
            known = self.before.cases.get(alert_id)
            shown = cases.view(
                case,
                self.cases,
                self.rules,
                version=1 if known is None else known.alert.version + 1,
                now_ms=self.now_ms,
            )
            self.cases = self.cases.put(alert_id, replace(case, alert=shown))
            effects.append(UpsertAlert(alert=shown))
            effects += [
                AppendTransition(transition=self._transition(line, shown, n))
                for n, line in enumerate(self._lines_of(alert_id))
            ]
        effects += self._area_story()
        effects += [IssueCommand(command=command) for command in self._commands]
        return self._state(), tuple(effects)

    def _lines_of(self, alert_id: AlertId | None) -> list[_Line]:
        return [line for line in self._lines if line.alert_id == alert_id]

    def _transition(self, line: _Line, alert: Alert, n: int) -> Transition:
        return Transition(
            id=transition_id(alert.id, alert.version, n=n),
            alert_id=alert.id,
            area=alert.area,
            version=alert.version,
            at_ms=self.now_ms,
            kind=line.kind,
            actor=line.actor,
            level=alert.level,
            status=alert.status,
            detail_es=line.text_es,
            detail_en=line.text_en,
            reasons=line.reasons,
            item_id=self.item_id,
            drill=alert.drill,
            data_class=alert.data_class,
        )

    def _area_story(self) -> list[Effect]:
        lines = self._lines_of(None)
        if not lines:
            return []
        self.head = replace(self.head, story=self.head.story + 1)
        story = AlertId(f"area:{self.head.area}")
        return [
            AppendTransition(
                transition=Transition(
                    id=transition_id(story, self.head.story, n=n),
                    alert_id=story,
                    area=self.head.area,
                    version=self.head.story,
                    at_ms=self.now_ms,
                    kind=line.kind,
                    actor=line.actor,
                    level=Level.P5,
                    status=AlertStatus.CLOSED,
                    detail_es=line.text_es,
                    detail_en=line.text_en,
                    reasons=line.reasons,
                    item_id=self.item_id,
                    drill=line.drill,
                    data_class=DataClass.RESTRICTED,
                )
            )
            for n, line in enumerate(lines)
        ]

    def _state(self) -> State:
        return State(
            head=self.head,
            cases=self.cases,
            seen=self.seen,
            pending=self.pending,
            watches=self.watches,
            storms=self.storms,
            sent=self.sent,
            patterns=self.patterns,
            index=self.index,
            stale=tuple(sorted(self._dropped)),
        )
