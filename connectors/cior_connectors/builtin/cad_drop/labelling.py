"""What ``decode`` cannot know from a record's bytes, told by what came before it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from cior_connectors.builtin.cad_drop import decode, rows, times
from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.builtin.cad_drop.state import DropState
from cior_core.errors import PayloadRejected


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """``labels`` for the record's facts; ``destroyed``: its incident number is none any more."""

    labels: dict[str, str]
    destroyed: bool = False


def labels(
    raw: bytes, found: Mapping[str, str], *, config: CadDropConfig, state: DropState, now_ms: int
) -> Told:
    """Is the incident known, in which year was its number last given, or (without a whole number) how often was this
    row before in its file. ``found``: what the reader found out about the file.
    """
    destroyed = False
    if config.columns.id:
        with suppress(PayloadRejected):
            row = rows.read(raw, config, found)
            number = row.joined(config.columns.id, "/")
            destroyed = bool(number and decode.number_note(row, config))
            if number and not destroyed:
                return Told(labels=_known(raw, row, config=config, state=state, now_ms=now_ms))
    times_before = state.occurrence(decode.digest(raw.strip(b"\r\n")))
    return Told(labels={"occurrence": str(times_before)}, destroyed=destroyed)


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
