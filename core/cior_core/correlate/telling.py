"""What a notice or a task says of its alert to whoever rings people (``cior_connectors.builtin.notify``). Pure."""

from __future__ import annotations

from cior_core.correlate.state import Case


def told_of(case: Case) -> dict[str, object]:
    """The level and, but for a silent alert (law 17), its type and its district."""
    alert = case.alert
    if alert.silent:
        return {"level": alert.level.value, "silent": True}
    return {"level": alert.level.value, "type": alert.type, "district": alert.place.district}
