"""Ademco Contact ID (SIA DC-05) as DC-09 carries it: ``QXYZ GG CCC``. Pure."""

from __future__ import annotations

import re

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.model import Phase

_EVENT = re.compile(r"\s*([136])\s?([0-9A-Fa-f]{3})\s+([0-9A-Fa-f]{1,2})\s+([0-9A-Fa-f]{1,4})")
_COMPACT = re.compile(r"\s*(?:18)?([136])([0-9A-Fa-f]{3})([0-9A-Fa-f]{2})([0-9A-Fa-f]{3})\b")
PHASES = {"1": Phase.NEW, "3": Phase.RESTORE, "6": Phase.STILL}


class ContactId(msgspec.Struct, frozen=True, kw_only=True):
    """Qualifier 1 new or opening, 3 restore or closing, 6 still present; ``point`` is a zone or a user, as text with
    its zeros.
    """

    qualifier: str
    code: str
    partition: str
    point: str
    text: str = ""

    @property
    def phase(self) -> Phase:
        """The qualifier in our words."""
        return PHASES[self.qualifier]


def parse(data: str) -> ContactId:
    """``data`` of an ``ADM-CID`` message. Raises ``PayloadRejected`` (``dc09.contact_id``)."""
    found = _EVENT.match(data) or _COMPACT.match(data)
    if found is None:
        raise PayloadRejected(
            "dc09.contact_id", "not a Contact ID event: qualifier 1, 3 or 6, code, partition, point"
        )
    qualifier, code, partition, point = found.groups()
    return ContactId(
        qualifier=qualifier,
        code=code.upper(),
        partition=partition.zfill(2),
        point=point.zfill(3),
        text=data[found.end() :].strip(" |"),
    )
