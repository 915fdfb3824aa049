"""Many devices say the same at once: one cause, one alert (S04).

When a concentrator, a provider or the power goes, hundreds of devices fall silent within a minute. An alert for each would bury the press that
comes next. Life-safety and silent types can have no flood rule (law 2): thirty presses are thirty calls for help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cior_core.correlate import cases, patterns, response
from cior_core.correlate.matching import FLOODED
from cior_core.correlate.state import Case, Part, Pattern
from cior_core.model import AlertId, Event, Reason, TypeCode

if TYPE_CHECKING:
    from cior_core.correlate.draft import Draft
    from cior_core.rules import FloodRule

replace = msgspec.structs.replace

_COUNT = "flood.count"


def room(draft: Draft, case: Case) -> int:
    """How many parts ``case`` may have. Each member of a flood may come with its ending."""
    limits = [2 * rule.members_max for rule in draft.rules.floods.values() if rule.opens == case.own_type]
    return max([draft.rules.merge.members_max, *limits])


def take(draft: Draft, event: Event, part: Part) -> AlertId | None:
    """Gather ``part`` into the flood of its type; open one when ``part`` completes the number. None: it is an alert of its own."""
    rule = draft.rules.floods.get(event.type)
    if rule is None:
        return None
    key = f"{rule.id}/drill" if event.drill else rule.id
    known = draft.patterns.get(key)
    flood = None if known is None else draft.root(known.alert_id)
    if (
        known is not None
        and flood is not None
        and flood.live
        and abs(part.instant_ms - known.last_ms) <= rule.within_s * 1000
        and draft.now_ms - flood.alert.opened_ms <= rule.lasts_s * 1000
    ):
        draft.patterns = draft.patterns.put(
            key,
            replace(known, events=known.events + 1, last_ms=max(known.last_ms, part.instant_ms)),
        )
        return _gather(draft, flood, part, rule=rule, count=known.events + 1)
    near = _near(draft, event, part, rule)
    if len({_device(other) for other in near} | {part.member.independence}) < rule.n:
        return None
    return _open(draft, event, part, rule=rule, near=near, key=key)


def _device(case: Case) -> str:
    return case.parts[0].member.independence


def _near(draft: Draft, event: Event, part: Part, rule: FloodRule) -> list[Case]:
    """The live alerts of the rule's types that began near ``part`` in time, oldest first."""
    found = draft.cases.where(
        lambda other: (
            other.live
            and other.own_type in rule.types
            and other.realm == (event.drill, False)
            and bool(other.parts)
            and abs(other.parts[0].instant_ms - part.instant_ms) <= rule.within_s * 1000
        )
    )
    return sorted((case for _, case in found), key=lambda case: (case.parts[0].instant_ms, case.id))


def _open(draft: Draft, event: Event, part: Part, *, rule: FloodRule, near: list[Case], key: str) -> AlertId:
    count = len(near) + 1
    begun = patterns.said(
        rule,
        "flood.begun",
        events=tuple(sorted((event.id, *(case.parts[0].member.event_id for case in near)))),
    )
    flood = cases.open_case(
        draft,
        (replace(part, join=_joined(rule, part)),),
        opened_by=f"{rule.id}/{event.id}",
        own_type=TypeCode(rule.opens),
        realm=(event.drill, False),
        pinned=(begun, _counted(rule, count)),
    )
    response.respond_to_rule(draft, flood)
    draft.say(flood.id, "opened", rule.reason_es, rule.reason_en, reasons=(begun,))
    for case in near:
        flood = cases.absorb(draft, draft.case(flood.id) or flood, case, actor=f"rule:{rule.id}")
    draft.patterns = draft.patterns.put(
        key,
        Pattern(
            alert_id=flood.id,
            counted=tuple(case.id for case in near),
            last_ms=part.instant_ms,
            events=count,
        ),
    )
    return flood.id


def _gather(draft: Draft, flood: Case, part: Part, *, rule: FloodRule, count: int) -> AlertId:
    reason = _joined(rule, part)
    pinned = tuple(known for known in flood.pinned if known.code != _COUNT)
    flood = replace(flood, pinned=(*pinned, _counted(rule, count)))
    if len(draft.parts(flood)) < rule.members_max:
        flood = cases.add(draft, flood, replace(part, join=reason))
    else:
        flood = cases.rescored(draft, flood)
    draft.say(flood.id, "gathered", reason.text_es, reason.text_en, reasons=(reason,))
    return flood.id


def _joined(rule: FloodRule, part: Part) -> Reason:
    """Why a part is in it. Alerts do not repeat it for each (the count says it): it stands in the story, with the event."""
    return patterns.said(rule, FLOODED, events=(part.member.event_id,))


def _counted(rule: FloodRule, count: int) -> Reason:
    return Reason(
        code=_COUNT,
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        text_es=f"Ya son {count} equipos.",
        text_en=f"{count} devices by now.",
    )
