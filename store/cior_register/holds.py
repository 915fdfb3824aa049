"""Holds as the register keeps them, and the one door of every deleter (law 7).

A deleter asks what stands, decides, and *claims* what it is about to delete in a transaction that fails when a hold was
placed since it asked. A hold that comes after a claim is told what was gone already. So nothing is deleted under a
hold, and no hold says that it keeps what is gone, however the two interleave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from cior_core.errors import AccessDenied
from cior_core.judicial.state import Effect, Hold, LimitHold, PlaceHold, ReleaseHold
from cior_core.model import Struct
from cior_register.ledger import next_seq
from cior_register.tables import DELETIONS, HOLDS


class KeptHold(Struct, frozen=True):
    """A hold in the register. ``came_late``: what of its time a deleter had claimed before (``table day``)."""

    id: str
    owner: str
    reason: str
    cameras: tuple[str, ...]
    since_ms: int
    until_ms: int
    placed_ms: int
    expires_ms: int | None = None
    released_ms: int | None = None
    released_code: str = ""
    came_late: tuple[str, ...] = ()


class Standing(Struct, frozen=True):
    """Every hold in force, and the mark that a claim must still find: it moves with each hold that is placed."""

    mark: int
    holds: tuple[KeptHold, ...]


FOOTAGE = "footage/"
_DAY_CHARACTERS = len("2026-11-27")


def footage_of(camera: str) -> str:
    """What a deletion of a camera's footage names as its target."""
    return FOOTAGE + camera


class Deletion(Struct, frozen=True):
    """What is about to be deleted: one day of receipt of a table, or another target with its time.

    Of a camera's footage ``target`` is :func:`footage_of` it, and ``day`` begins with the UTC day that all of it is of:
    claims of one day that touch are one row, whose ``day`` is that of the first.
    """

    target: str
    day: str
    since_ms: int
    until_ms: int
    at_ms: int


def standing(connection: Connection, *, now_ms: int) -> Standing:
    """All that stand at ``now_ms``, those of an instant ago too: who deletes errs on the side of keeping."""
    mark = _mark(connection)
    alive = or_(HOLDS.c.expires_ms.is_(None), HOLDS.c.expires_ms >= now_ms)
    asked = select(HOLDS).where(HOLDS.c.released_ms.is_(None), alive).order_by(HOLDS.c.id)
    return Standing(mark, tuple(_hold(each) for each in connection.execute(asked)))


def of_owner(connection: Connection, owner: str) -> Sequence[KeptHold]:
    """All that were placed for a request, over or not."""
    asked = select(HOLDS).where(HOLDS.c.owner == owner).order_by(HOLDS.c.since_ms, HOLDS.c.id)
    return [_hold(each) for each in connection.execute(asked)]


def _mark(connection: Connection) -> int:
    found: int | None = connection.execute(select(func.max(HOLDS.c.ledger_seq))).scalar_one()
    return found or 0


def claim(connection: Connection, *claimed: Deletion, mark: int) -> None:
    """From now on what is ``claimed`` is gone for every hold that comes. A row is added or made longer, never taken
    away: a deleter has no right to that.

    Raises ``AccessDenied`` (``hold.placed_meanwhile``) when a hold was placed or changed since ``mark`` was told.
    """
    if _mark(connection) != mark:
        raise AccessDenied(
            "hold.placed_meanwhile",
            "a hold was placed since the holds were asked",
            cure="ask again, then delete",
        )
    for each in claimed:
        told = {"at_ms": each.at_ms, "ledger_seq": next_seq(connection)}
        known = connection.execute(select(DELETIONS).where(*_same(each))).first()
        if known is None:
            connection.execute(insert(DELETIONS), msgspec.structs.asdict(each) | told)
            continue
        told |= {"until_ms": max(known.until_ms, each.until_ms)}
        mine = (DELETIONS.c.target == known.target, DELETIONS.c.day == known.day)
        connection.execute(update(DELETIONS).where(*mine).values(**told))


def _same(each: Deletion) -> tuple[ColumnElement[bool], ...]:
    """The row that a claim is of already, or makes longer."""
    if not each.target.startswith(FOOTAGE):
        return DELETIONS.c.target == each.target, DELETIONS.c.day == each.day
    return (
        DELETIONS.c.target == each.target,
        DELETIONS.c.day.startswith(each.day[:_DAY_CHARACTERS], autoescape=True),
        DELETIONS.c.since_ms <= each.since_ms,
        DELETIONS.c.until_ms >= each.since_ms,
    )


def deletions(connection: Connection, *, since_ms: int, until_ms: int) -> Sequence[Deletion]:
    """What was taken of a time, for who must say that it is gone."""
    asked = (
        select(DELETIONS)
        .where(DELETIONS.c.since_ms < until_ms, DELETIONS.c.until_ms > since_ms)
        .order_by(DELETIONS.c.target, DELETIONS.c.day)
    )
    return [
        Deletion(each.target, each.day, each.since_ms, each.until_ms, each.at_ms)
        for each in connection.execute(asked)
    ]


def told_deleted(connection: Connection, target: str, *, since_ms: int, until_ms: int) -> Sequence[int]:
    """Numbers of the ledger's entries that last said what was taken of a target and a time."""
    asked = (
        select(DELETIONS.c.ledger_seq)
        .where(DELETIONS.c.target == target, DELETIONS.c.since_ms < until_ms, DELETIONS.c.until_ms > since_ms)
        .order_by(DELETIONS.c.ledger_seq)
    )
    return connection.execute(asked).scalars().all()


def obey(connection: Connection, effects: Sequence[Effect], *, at_ms: int) -> None:
    """Do what a step wants of holds, in the transaction of its act."""
    for effect in effects:
        match effect:
            case PlaceHold(hold=hold):
                _place(connection, hold)
            case LimitHold(hold_id=hold_id, expires_ms=expires_ms):
                _change(connection, hold_id, expires_ms=expires_ms)
            case ReleaseHold(hold_id=hold_id, code=code):
                _change(connection, hold_id, released_ms=at_ms, released_code=code)
            case _:
                continue


def _place(connection: Connection, hold: Hold) -> None:
    since_ms, until_ms = hold.span.since_s * 1000, hold.span.until_s * 1000
    found = deletions(connection, since_ms=since_ms, until_ms=until_ms)
    gone = [each for each in found if _concerns(each, hold)]
    row = {
        "id": hold.id, "owner": hold.owner, "reason": hold.reason.value, "since_ms": since_ms, "until_ms": until_ms,
        "cameras": _json(hold.cameras), "placed_ms": hold.placed_ms, "expires_ms": hold.expires_ms,
        "released_ms": None, "released_code": "", "came_late": _json([f"{each.target} {each.day}" for each in gone]),
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(delete(HOLDS).where(HOLDS.c.id == hold.id))
    connection.execute(insert(HOLDS), row)


def _concerns(gone: Deletion, hold: Hold) -> bool:
    """Whether a hold asked for what is gone: another camera's footage it did not."""
    camera = gone.target.removeprefix(FOOTAGE)
    return camera == gone.target or not hold.cameras or camera in hold.cameras


def _change(connection: Connection, hold_id: str, **values: Any) -> None:
    changed = values | {"ledger_seq": next_seq(connection)}
    connection.execute(update(HOLDS).where(HOLDS.c.id == hold_id).values(**changed))


def _json(words: Sequence[str]) -> str:
    return msgspec.json.encode(words).decode()


_words = msgspec.json.Decoder(tuple[str, ...]).decode


def _hold(found: Any) -> KeptHold:
    return KeptHold(
        id=found.id, owner=found.owner, reason=found.reason, cameras=_words(found.cameras), since_ms=found.since_ms,
        until_ms=found.until_ms, placed_ms=found.placed_ms, expires_ms=found.expires_ms,
        released_ms=found.released_ms, released_code=found.released_code, came_late=_words(found.came_late),
    )  # fmt: skip
