"""What ``decode`` cannot know from a record's bytes, told by what came before it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cior_connectors.builtin.cad_drop import decode, rows, times
from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.builtin.cad_drop.state import DropState
from cior_core.errors import PayloadRejected


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """``labels`` for the record's facts; ``destroyed``: its incident number is none any more; ``judged``: what decides
    whether it is sealed could be looked at.
    """

    labels: dict[str, str]
    destroyed: bool = False
    judged: bool = True


def labels(
    raw: bytes, found: Mapping[str, str], *, config: CadDropConfig, state: DropState, now_ms: int
) -> Told:
    """Is the incident known, in which year was its number last given, or (without a whole number) how often was this
    row before in its file. ``found``: what the reader found out about the file.
    """
    row_digest = decode.digest(raw.strip(b"\r\n"))
    try:
        row = rows.read(raw, config, found)
    except PayloadRejected:
        return Told(labels={"occurrence": str(state.occurrence(row_digest))}, judged=False)
    judged = bool(row.get(config.columns.type))
    number = row.joined(config.columns.id, "/")
    destroyed = bool(number and decode.number_note(row, config))
    if not number or destroyed:
        occurrence = str(state.occurrence(row_digest))
        return Told(labels={"occurrence": occurrence}, destroyed=destroyed, judged=judged)
    cut = number.isdigit() and state.cut(number, now_ms=now_ms)
    told = _known(raw, row, config=config, state=state, now_ms=now_ms)
    return Told(labels=told | ({"zeros": "lost"} if cut else {}), destroyed=cut, judged=judged)


def _known(
    raw: bytes, row: rows.Row, *, config: CadDropConfig, state: DropState, now_ms: int
) -> dict[str, str]:
    told: dict[str, str] = {}
    number = row.joined(config.columns.id, "/")
    year = times.instant(row.parts(rows.several(config.columns.occurred)), config).year
    if config.id_by_year and year is not None:
        state.given(number, year, now_ms=now_ms)
    elif config.id_by_year and (year := state.year_of(number)) is not None:
        told["year"] = str(year)
    incident = decode.incident_key(raw, row, config, year=year, occurrence="0")
    known = state.known(incident, decode.version_of(row, config), now_ms=now_ms)
    return told | {"known": "yes" if known else "no"}
