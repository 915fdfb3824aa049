"""Many devices say the same at once: one cause, one alert (S04).

When a concentrator, a provider or the power goes, hundreds of devices fall silent within a minute. An alert for each
would bury the press that comes next. Life-safety and silent types can have no flood rule (law 2): thirty presses are
thirty calls for help.
"""

from __future__ import annotations

import msgspec

from cior_core.correlate import cases, response
from cior_core.correlate.index import shelf
from cior_core.correlate.state import FLOODED, Case, MergeClass, Part, Pattern
from cior_core.correlate.step_context import StepContext
from cior_core.model import AlertId, Event, Reason, TypeCode
from cior_core.rules import FloodRule
from cior_core.sentences import Text

replace = msgspec.structs.replace

_COUNT = "flood.count"


def capacity(context: StepContext, case: Case) -> int:
    """How many parts ``case`` may have."""
    return max(context.rules.merge.members_max, context.rules.flood_rooms.get(case.own_type, 0))


def ingest(context: StepContext, event: Event, part: Part) -> AlertId | None:
    """Gather ``part`` into the flood of its type, or open one when it completes the number; None: an alert of its
    own.
    """
    rule = context.rules.floods.get(event.type)
    if rule is None:
        return None
    key = f"{rule.id}/drill" if event.drill else rule.id
    known = context.patterns.get(key)
    flood = None if known is None else context.root(known.alert_id)
    if (
        known is not None
        and flood is not None
        and flood.live
        and abs(part.instant_ms - known.last_ms) <= rule.within_s * 1000
        and context.now_ms - flood.alert.opened_ms <= rule.lasts_s * 1000
    ):
        context.patterns = context.patterns.put(
            key,
            replace(known, events=known.events + 1, last_ms=max(known.last_ms, part.instant_ms)),
        )
        _gather(context, flood.id, part, rule=rule, count=known.events + 1)
        return flood.id
    near = _near(context, event, part, rule)
    if len({_device(other) for other in near} | {part.member.independence}) < rule.n:
        return None
    return _open(context, event, part, rule=rule, near=near, key=key)


def _device(case: Case) -> str:
    return case.parts[0].member.independence


def _near(context: StepContext, event: Event, part: Part, rule: FloodRule) -> list[Case]:
    """The live alerts of the rule's types that began near ``part`` in time, oldest first."""
    within_ms = round(rule.within_s * 1000)
    began = context.cases_of(
        shelf(MergeClass(event.drill)),
        [context.kind(code).family for code in rule.types],
        around_ms=part.instant_ms,
        within_ms=within_ms,
        limit=rule.members_max,
    )
    found = [
        case
        for case in began
        if case.live
        and case.own_type in rule.types
        and abs(case.parts[0].instant_ms - part.instant_ms) <= within_ms
    ]
    return sorted(found, key=lambda case: (case.parts[0].instant_ms, case.id))


def _open(
    context: StepContext, event: Event, part: Part, *, rule: FloodRule, near: list[Case], key: str
) -> AlertId:
    count = len(near) + 1
    begun = rule.why(
        "flood.begun",
        events=tuple(sorted((event.id, *(case.parts[0].member.event_id for case in near)))),
    )
    flood_id = cases.open_case(
        context,
        (replace(part, join=_joined(rule, part)),),
        opened_by=f"{rule.id}/{event.id}",
        own_type=TypeCode(rule.opens),
        merge_class=MergeClass(event.drill),
        pinned=(begun, _counted(context, rule, count)),
    )
    response.respond_to_rule(context, flood_id)
    context.add_transition(flood_id, "opened", rule.text, reasons=(begun,))
    for case in near:
        cases.absorb(context, flood_id, case.id, actor=f"rule:{rule.id}")
    context.patterns = context.patterns.put(
        key,
        Pattern(
            alert_id=flood_id,
            counted=tuple(case.id for case in near),
            last_ms=part.instant_ms,
            events=count,
        ),
    )
    return flood_id


def _gather(context: StepContext, flood_id: AlertId, part: Part, *, rule: FloodRule, count: int) -> None:
    reason = _joined(rule, part)
    pinned = tuple(known for known in context.current(flood_id).pinned if known.code != _COUNT)
    context.update(flood_id, pinned=(*pinned, _counted(context, rule, count)))
    if len(context.parts(flood_id)) < rule.members_max:
        cases.add(context, flood_id, replace(part, join=reason))
    else:
        cases.rescore(context, flood_id)
    context.add_transition(flood_id, "gathered", Text(reason.text_es, reason.text_en), reasons=(reason,))


def _joined(rule: FloodRule, part: Part) -> Reason:
    """Why a part is in it: it stands in the transition, with the event; the alert shows only the count."""
    return rule.why(FLOODED, events=(part.member.event_id,))


def _counted(context: StepContext, rule: FloodRule, count: int) -> Reason:
    text = context.text("flood_count", count=count)
    return Reason(
        code=_COUNT,
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        text_es=text.es,
        text_en=text.en,
    )
