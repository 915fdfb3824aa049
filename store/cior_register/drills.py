"""Drills: what was practised, by whose word, and how long it took. Figures of real alerts are never here.

While a drill runs its results are the alerts themselves; when it ends they are written down: alerts are forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from cior_core.model import Struct
from cior_register.ledger import next_seq
from cior_register.tables import DRILLS


class DrillAlert(Struct, frozen=True):
    """One alert of a drill and when it reached what (UTC ms; None: it did not). ``act``: the act that opened it."""

    act: str
    alert_id: str
    type: str
    district: str | None = None
    level: str = ""
    assignee: str | None = None
    opened_ms: int | None = None
    acknowledged_ms: int | None = None
    dispatched_ms: int | None = None
    on_scene_ms: int | None = None


class Drill(Struct, frozen=True):
    """One drill. ``rings``: real phones and sirens took part. ``ended_ms`` None while it runs."""

    id: str
    title: str
    started_by: str
    started_ms: int
    rings: bool
    alerts: tuple[DrillAlert, ...]
    ended_by: str | None = None
    ended_ms: int | None = None


_alerts = msgspec.json.Decoder(tuple[DrillAlert, ...]).decode


def start(connection: Connection, drill: Drill) -> Drill:
    """It begins; when it has begun already (the same request again), as it stands."""
    known = find(connection, drill.id)
    if known is not None:
        return known
    row = {
        "id": drill.id, "title": drill.title, "started_by": drill.started_by, "started_ms": drill.started_ms,
        "rings": drill.rings, "alerts": _json(drill.alerts), "ended_by": None, "ended_ms": None,
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(DRILLS), row)
    return drill


def end(connection: Connection, drill: Drill) -> None:
    """It is over, with its results; nothing when it was over already: the first results stand."""
    running = update(DRILLS).where(DRILLS.c.id == drill.id, DRILLS.c.ended_ms.is_(None))
    connection.execute(
        running.values(
            ended_by=drill.ended_by,
            ended_ms=drill.ended_ms,
            alerts=_json(drill.alerts),
            ledger_seq=next_seq(connection),
        )
    )


def find(connection: Connection, drill_id: str) -> Drill | None:
    """The drill of this id."""
    found = connection.execute(select(DRILLS).where(DRILLS.c.id == drill_id)).first()
    return None if found is None else _drill(found)


def newest(connection: Connection, *, limit: int = 50) -> Sequence[Drill]:
    """The last ones, newest first."""
    asked = select(DRILLS).order_by(DRILLS.c.started_ms.desc(), DRILLS.c.id).limit(limit)
    return [_drill(each) for each in connection.execute(asked)]


def _json(alerts: tuple[DrillAlert, ...]) -> str:
    return msgspec.json.encode(alerts).decode()


def _drill(found: Any) -> Drill:
    return Drill(
        id=found.id, title=found.title, started_by=found.started_by, started_ms=found.started_ms, rings=found.rings,
        alerts=_alerts(found.alerts), ended_by=found.ended_by, ended_ms=found.ended_ms,
    )  # fmt: skip
