"""What a notice or a task says of its alert to whoever rings people (``cior_connectors.builtin.notify``). Pure."""

from __future__ import annotations

from cior_core.attributes import BLOCK
from cior_core.correlate.state import Case, Part
from cior_core.model import Target, TargetKind

_MOST_CONCERNED = 20


def told_of(case: Case) -> dict[str, object]:
    """The level and, but for a silent alert (law 17), its type, its district and what a silence may name."""
    alert = case.alert
    if alert.silent:
        return {"level": alert.level.value, "silent": True}
    told: dict[str, object] = {
        "level": alert.level.value,
        "type": alert.type,
        "district": alert.place.district,
    }
    if alert.life_safety:
        return {**told, "life_safety": True}
    return {
        **told,
        "concerns": sorted({name for part in case.parts[:_MOST_CONCERNED] for name in _names(part)}),
    }


def _names(part: Part) -> list[str]:
    """The device and the block that a maintenance silence may name; what is no text, or blank, names nobody."""
    named = (TargetKind.DEVICE, part.member.subject), (TargetKind.BLOCK, part.member.attributes.get(BLOCK))
    return [str(Target(kind=kind, id=name)) for kind, name in named if isinstance(name, str) and name.strip()]
