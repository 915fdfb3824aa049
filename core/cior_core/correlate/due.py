"""When the area must look at what again: ticks look at nothing else, however much is remembered (law 16).

Made from the remembered records alone, so a restored state has the same instants (law 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from cior_core.correlate.agenda import Agenda, Entry
from cior_core.correlate.persistent_map import PersistentMap
from cior_core.correlate.state import Case, Dues, Pending, Seen, Sent, State, Storm, Watch
from cior_core.model import AlertStatus, CommandKind, Silence

OFF: Final = "off/"
"""What the names of timers that turn a siren off begin with."""
CLOCK: Final = "agency/"
"""What the names of timers of agencies' clocks begin with."""
SIRENS: Final = frozenset({CommandKind.SIREN_ON, CommandKind.SIREN_OFF})
AWAITED: Final = SIRENS | {CommandKind.BURST}
"""Commands whose answer somebody waits for: that none came in time is told."""


def _case_due_ms(case: Case) -> int | None:
    # Timers of an absorbed case rest until it is un-merged, except that a siren always goes off.
    is_merged = case.alert.status is AlertStatus.MERGED
    instants = [at_ms for name, at_ms in case.alert.timers if not is_merged or name.startswith(OFF)]
    if case.alert.suppression is not None:
        instants.append(case.alert.suppression.until_ms)
    return min(instants, default=None)


def _closed_ms(case: Case) -> int | None:
    return case.alert.closed_ms if case.alert.status is AlertStatus.CLOSED else None


def _sent_due_ms(sent: Sent) -> int | None:
    return sent.expires_ms if sent.outcome is None and sent.kind in AWAITED else None


def _end_ms(record: Pending | Watch | Storm | Silence) -> int:
    return record.until_ms


def _seen_ms(seen: Seen) -> int:
    return seen.at_ms


_RULES: Final[dict[str, tuple[tuple[str, Callable[[Any], int | None]], ...]]] = {
    "cases": (("cases", _case_due_ms), ("closed", _closed_ms)),
    "sent": (("sent", _sent_due_ms),),
    "watches": (("watches", _end_ms),),
    "storms": (("storms", _end_ms),),
    "pending": (("pending", _end_ms),),
    "silences": (("silences", _end_ms),),
    "seen": (("seen", _seen_ms),),
}
"""By map, a field of a state: (agenda, the instant of one record) of each of its agendas."""


def brought_up(dues: Dues, before: State, after: object) -> Dues:
    """``dues`` of ``before``, brought up to ``after``, which has maps of the same names: only what has changed is
    looked at."""
    changed: dict[str, Agenda] = {}
    for of_map, agendas in _RULES.items():
        now: PersistentMap[Any] = getattr(after, of_map)
        was: PersistentMap[Any] = getattr(before, of_map)
        records = () if now is was else now.changes(was)
        for name, instant_of in agendas if records else ():
            agenda: Agenda = getattr(dues, name)
            for key, old, new in records:
                was_ms = None if old is None else instant_of(old)
                is_ms = None if new is None else instant_of(new)
                if was_ms != is_ms:
                    agenda = agenda if was_ms is None else agenda.drop((was_ms, key, 0))
                    agenda = agenda if is_ms is None else agenda.put((is_ms, key, 0))
            changed[name] = agenda
    return msgspec.structs.replace(dues, **changed) if changed else dues


def all_dues(state: State) -> Dues:
    """The dues of a whole state."""
    return Dues(
        **{
            name: Agenda.of(_entries(getattr(state, of_map).items(), instant_of))
            for of_map, agendas in _RULES.items()
            for name, instant_of in agendas
        }
    )


def _entries(records: Iterable[tuple[str, Any]], instant_of: Callable[[Any], int | None]) -> Iterable[Entry]:
    return ((at_ms, key, 0) for key, record in records if (at_ms := instant_of(record)) is not None)
