"""Agreements under which others see what is ours: rows that are proposed, approved once and withdrawn once.

What may happen to one is :mod:`cior_core.agreements`; here it is written, in the transaction of its ledger row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from cior_core import agreements
from cior_core.agreements import Agreement, Terms
from cior_core.errors import PayloadRejected
from cior_core.privacy import Role
from cior_register import people, sessions
from cior_register.ledger import next_seq
from cior_register.tables import AGREEMENTS

_terms = msgspec.json.Decoder(Terms).decode
_json = msgspec.json.Encoder(order="deterministic")


def every(connection: Connection) -> Sequence[Agreement]:
    """All that were ever proposed, newest first."""
    asked = select(AGREEMENTS).order_by(AGREEMENTS.c.proposed_ms.desc(), AGREEMENTS.c.id)
    return [_agreement(each) for each in connection.execute(asked)]


def propose(connection: Connection, agreement: Agreement) -> Agreement:
    """A new one; when it is there already (the same request again), as it stands."""
    known = connection.execute(select(AGREEMENTS).where(AGREEMENTS.c.id == agreement.id)).first()
    if known is not None:
        return _agreement(known)
    row = _row(agreement) | {"id": agreement.id, "ledger_seq": next_seq(connection)}
    connection.execute(insert(AGREEMENTS), row)
    return agreement


def approve(connection: Connection, agreement_id: str, *, by: str, now_ms: int) -> Agreement:
    """It stands. Raises as :func:`cior_core.agreements.approve`, and ``agreement.unknown``."""
    others = every(connection)
    return _keep(connection, agreements.approve(_the(others, agreement_id), others, by=by, now_ms=now_ms))


def withdraw(connection: Connection, agreement_id: str, *, by: str, why: str, now_ms: int) -> Agreement:
    """It is over, and so are the sessions of those who had it. Raises as :func:`cior_core.agreements.withdraw`, and
    ``agreement.unknown``.
    """
    found = _the(every(connection), agreement_id)
    ended = _keep(connection, agreements.withdraw(found, by=by, why=why, now_ms=now_ms))
    if ended.approved_ms is not None:
        for person in people.everybody(connection):
            agencies = (grant.scope.agencies for grant in person.grants if grant.role is Role.PARTNER)
            if any(ended.terms.agency in each for each in agencies):
                sessions.end_of_person(connection, person.id, at_ms=now_ms, role=Role.PARTNER)
    return ended


def _the(found: Sequence[Agreement], agreement_id: str) -> Agreement:
    for each in found:
        if each.id == agreement_id:
            return each
    raise PayloadRejected("agreement.unknown", "there is no such agreement", cure="load again")


def _keep(connection: Connection, agreement: Agreement) -> Agreement:
    changed = _row(agreement) | {"ledger_seq": next_seq(connection)}
    connection.execute(update(AGREEMENTS).where(AGREEMENTS.c.id == agreement.id).values(**changed))
    return agreement


def _row(agreement: Agreement) -> dict[str, Any]:
    values = {name: getattr(agreement, name) for name in Agreement.__struct_fields__ if name != "id"}
    return values | {"terms": _json.encode(agreement.terms).decode()}


def _agreement(found: Any) -> Agreement:
    values = {name: getattr(found, name) for name in Agreement.__struct_fields__}
    return Agreement(**values | {"terms": _terms(found.terms)})
