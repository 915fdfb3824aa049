"""Who sits where, since when, and what was handed over to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from cior_core.errors import PayloadRejected
from cior_core.model import Struct
from cior_core.privacy import Role
from cior_register.ledger import next_seq
from cior_register.tables import HAND_OVERS, SHIFTS


class Shift(Struct, frozen=True):
    """Somebody at a post (a desk of the room) in a role; ``ended_ms`` None while it lasts."""

    id: str
    post: str
    person_id: str
    role: Role
    started_ms: int
    ended_ms: int | None = None


class OpenAlert(Struct, frozen=True):
    """One alert that was open at a hand-over, and why it still is, in the words of who left."""

    alert_id: str
    why: str = ""


class HandOver(Struct, frozen=True):
    """What one shift told the next."""

    id: str
    post: str
    from_id: str
    to_id: str
    at_ms: int
    note: str = ""
    open_alerts: tuple[OpenAlert, ...] = ()


_open = msgspec.json.Decoder(tuple[OpenAlert, ...]).decode


def start(connection: Connection, shift: Shift) -> None:
    """Somebody takes a post; what they had before ends. Raises ``PayloadRejected`` (``shifts.taken``)."""
    _end(connection, shift.person_id, at_ms=shift.started_ms)
    taken = select(SHIFTS.c.id).where(SHIFTS.c.post == shift.post, SHIFTS.c.ended_ms.is_(None))
    if connection.execute(taken).first() is not None:
        raise PayloadRejected(
            "shifts.taken", "somebody sits at this post", cure="take it over by a hand-over"
        )
    connection.execute(insert(SHIFTS), {**_shift_row(shift), "ledger_seq": next_seq(connection)})


def end(connection: Connection, person_id: str, *, at_ms: int) -> None:
    """They leave their post. Raises ``PayloadRejected`` (``shifts.none``) when they have none."""
    if not _end(connection, person_id, at_ms=at_ms):
        raise PayloadRejected("shifts.none", "they sit at no post", cure="load again")


def _end(connection: Connection, person_id: str, *, at_ms: int) -> bool:
    left = update(SHIFTS).where(SHIFTS.c.person_id == person_id, SHIFTS.c.ended_ms.is_(None))
    found = connection.execute(left.values(ended_ms=at_ms, ledger_seq=next_seq(connection)))
    return bool(found.rowcount)


def present(connection: Connection) -> list[Shift]:
    """Who sits where now, by post."""
    asked = select(SHIFTS).where(SHIFTS.c.ended_ms.is_(None)).order_by(SHIFTS.c.post)
    return [_shift(each) for each in connection.execute(asked)]


def hand_over(connection: Connection, told: HandOver, *, role: Role) -> None:
    """The post changes hands: one shift ends and the next begins in the same act.

    Raises ``PayloadRejected`` (``shifts.not_theirs``) when who leaves does not sit there.
    """
    left = update(SHIFTS).where(
        SHIFTS.c.post == told.post, SHIFTS.c.person_id == told.from_id, SHIFTS.c.ended_ms.is_(None)
    )
    seq = next_seq(connection)
    if not connection.execute(left.values(ended_ms=told.at_ms, ledger_seq=seq)).rowcount:
        raise PayloadRejected(
            "shifts.not_theirs", "who hands over does not sit at this post", cure="load again"
        )
    row = {
        "id": told.id, "post": told.post, "from_id": told.from_id, "to_id": told.to_id, "at_ms": told.at_ms,
        "note": told.note, "open_alerts": msgspec.json.encode(told.open_alerts).decode(), "ledger_seq": seq,
    }  # fmt: skip
    connection.execute(insert(HAND_OVERS), row)
    start(connection, Shift(told.id, told.post, told.to_id, role, told.at_ms))


def hand_overs(connection: Connection, *, post: str = "", limit: int = 20) -> Sequence[HandOver]:
    """The last ones, newest first; of one post where it is named."""
    asked = select(HAND_OVERS).order_by(HAND_OVERS.c.at_ms.desc()).limit(limit)
    asked = asked.where(HAND_OVERS.c.post == post) if post else asked
    return [_hand_over(each) for each in connection.execute(asked)]


def _shift_row(shift: Shift) -> dict[str, Any]:
    return {
        "id": shift.id, "post": shift.post, "person_id": shift.person_id, "role": shift.role.value,
        "started_ms": shift.started_ms, "ended_ms": shift.ended_ms,
    }  # fmt: skip


def _shift(found: Any) -> Shift:
    return Shift(found.id, found.post, found.person_id, Role(found.role), found.started_ms, found.ended_ms)


def _hand_over(found: Any) -> HandOver:
    return HandOver(
        id=found.id, post=found.post, from_id=found.from_id, to_id=found.to_id, at_ms=found.at_ms, note=found.note,
        open_alerts=_open(found.open_alerts),
    )  # fmt: skip
