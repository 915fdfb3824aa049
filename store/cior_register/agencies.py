"""Who is sent: municipal, provincial and federal bodies, and the districts in which each has competence."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, insert, select

from cior_core.model import Struct
from cior_register.ledger import next_seq
from cior_register.tables import AGENCIES

_districts = msgspec.json.Decoder(tuple[str, ...]).decode


class Agency(Struct, frozen=True):
    """``kind``: ``municipal``, ``provincial`` or ``federal``; no ``districts``: all of them."""

    id: str
    name: str
    kind: str
    districts: tuple[str, ...] = ()


def put(connection: Connection, agency: Agency) -> None:
    """A new one, or what is true of it now."""
    connection.execute(delete(AGENCIES).where(AGENCIES.c.id == agency.id))
    row = {
        "id": agency.id, "name": agency.name, "kind": agency.kind,
        "districts": msgspec.json.encode(agency.districts).decode(), "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(AGENCIES), row)


def everyone(connection: Connection) -> list[Agency]:
    """All, by name."""
    asked = select(AGENCIES).order_by(AGENCIES.c.name)
    return [
        Agency(each.id, each.name, each.kind, _districts(each.districts))
        for each in connection.execute(asked)
    ]
