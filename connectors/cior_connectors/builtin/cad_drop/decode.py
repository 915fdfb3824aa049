"""One CAD record to one event.

Pure: the reader's facts (header, how often this row came before in its file, whether the incident is known) are in
``facts.details``.

A record is never dropped for what it lacks: no time, no place, an unknown nature all give an event that says so. Only
bytes that are no record are rejected.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any

from cior_connectors.builtin.cad_drop import rows, values
from cior_connectors.builtin.cad_drop.config import CadDropConfig, Column
from cior_connectors.contract import Decoded, Facts
from cior_connectors.decoding import clock_notes, make_event
from cior_core import clock
from cior_core.attributes import DISPATCHED_MS, MERGED_INTO, ON_SCENE_MS, VERIFIED
from cior_core.clock import DEFAULT_LIMITS, ClockLimits, ClockReading
from cior_core.errors import PayloadRejected
from cior_core.model import Phase

MAX_TEXT = 500
DAY_S = 86_400.0
_SPACE = re.compile(r"\s+")


def decode(raw: bytes, facts: Facts) -> Decoded:
    """``raw`` (one record as the reader cut it) as one event.

    Raises ``PayloadRejected``: the reader's ``problem``, or why it cannot be read.
    """
    config: CadDropConfig = facts.known.config
    if problem := facts.details.get("problem", ""):
        raise PayloadRejected(problem, "these bytes of the file are not a record")
    row = rows.read(raw, config, facts.details.get("header", ""))
    occurred = values.instant(row.get(config.columns.occurred), config)
    # Rows are stored before they are sent: only those in order show a clock that was set back.
    stored = not (config.rows_in_order and facts.details.get("known", "") != "yes")
    judged = clock.judge(
        occurred.ms,
        facts.received_ms,
        precision_s=occurred.width_s,
        buffered=stored,
        history=facts.clock_of(config.subject),
        limits=_limits(config),
    )
    spot, place_note = values.place(
        row.get(config.columns.lat),
        row.get(config.columns.lon),
        row.joined(config.columns.address, ", "),
        config,
    )
    if occurred.note == "unreadable" and (config.columns.lat is None or place_note == "unreadable"):
        raise PayloadRejected(
            "cad_drop.nothing_readable",
            "neither the time nor the place can be read",
            cure="check the column mapping",
        )
    year = occurred.year
    incident = incident_key(raw, row, config, year=year, occurrence=facts.details.get("occurrence", "0"))
    nature = _SPACE.sub(" ", row.get(config.columns.type))
    notes = {"time_note": occurred.note, "place_note": place_note}
    event = make_event(
        facts,
        type_code=type_of(nature, config),
        subject=config.subject,
        key=f"{incident}/{version_of(row, config)}",
        occurred_ms=judged.occurred_ms,
        phase=_phase(row, config, known=facts.details.get("known", "")),
        place=spot,
        clock=judged.quality,
        clock_error_s=judged.error_s,
        independence=f"{config.subject}/{incident}",
        recovered=facts.details.get("again", "") == "yes",
        native_key=incident,
        native_type=nature[:MAX_TEXT] or None,
        native_priority=row.get(config.columns.priority)[:MAX_TEXT] or None,
        summary=nature[:MAX_TEXT] or None,
        attributes=_attributes(row, config, year)
        | {name: note for name, note in notes.items() if note}
        | {"incident": incident}
        | clock_notes(judged),
    )
    return Decoded(events=(event,), clocks=_reading(occurred.ms, config, stored=stored))


def _limits(config: CadDropConfig) -> ClockLimits:
    """A database keeps its calls for years, and says how wrong its clock may be."""
    return ClockLimits(
        future_s=DEFAULT_LIMITS.future_s + config.clock_error_s,
        buffer_s=config.max_age_days * DAY_S,
        declared_error_s=config.clock_error_s,
    )


def _reading(read_ms: int | None, config: CadDropConfig, *, stored: bool) -> tuple[ClockReading, ...]:
    if read_ms is None:
        return ()
    return (ClockReading(subject=config.subject, device_ms=read_ms, buffered=stored),)


def incident_key(
    raw: bytes, row: rows.Row, config: CadDropConfig, *, year: int | None, occurrence: str
) -> str:
    """Key that all versions of an incident share: its number within its year, or the record's own bytes and how often
    they came before in the file.
    """
    number = row.joined(config.columns.id, "/")
    if number:
        return _scoped(number, config, year)
    return "row:" + digest(raw.strip(b"\r\n")) + ":" + occurrence


def _scoped(number: str, config: CadDropConfig, year: int | None) -> str:
    return f"{year}/{number}" if config.id_by_year and year is not None else number


def version_of(row: rows.Row, config: CadDropConfig) -> str:
    """Which version of its incident a record is: a digest of everything that is mapped, so that a column nobody maps
    makes no new version.
    """
    if not config.columns.id:
        return "0"
    return digest("\x1f".join(f"{column}={row.get(column)}" for column in rows.mapped(config)).encode())


def digest(data: bytes) -> str:
    """First 16 bytes of SHA-256, hex."""
    return hashlib.sha256(data).hexdigest()[:32]


def type_of(nature: str, config: CadDropConfig) -> str:
    """Code of the first rule that matches; the default for all others."""
    folded = nature.casefold()
    for rule in config.types:
        if folded in (exact.casefold() for exact in rule.equals) or (
            rule.pattern is not None and _compiled(rule.pattern).search(nature)
        ):
            return rule.code
    return config.default_type


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _phase(row: rows.Row, config: CadDropConfig, *, known: str) -> Phase:
    """Test call, else the CAD's state by configuration, else update for a version of a known incident, else new."""
    if config.columns.test is not None and _compiled(config.test_pattern).search(
        row.get(config.columns.test)
    ):
        return Phase.TEST
    state = row.get(config.columns.status).casefold()
    for name, phase in config.phases.items():
        if name.casefold() == state:
            return phase
    return Phase.UPDATE if known == "yes" or row.get(config.columns.merged_into) else Phase.NEW


def _attributes(row: rows.Row, config: CadDropConfig, year: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if target := row.get(config.columns.merged_into):
        found[MERGED_INTO] = _scoped(target, config, year)
    if config.columns.verified is not None and _compiled(config.verified_pattern).search(
        row.get(config.columns.verified)
    ):
        found[VERIFIED] = True
    stamps = ((DISPATCHED_MS, config.columns.dispatched), (ON_SCENE_MS, config.columns.on_scene))
    for name, column in stamps:
        if (stamp_ms := values.instant(row.get(column), config).ms) is not None:
            found[name] = stamp_ms
    if state := row.get(config.columns.status):
        found["native_status"] = state[:MAX_TEXT]
    for column in config.keep:
        if value := row.get(column):
            found[_name(column)] = (
                values.masked(value, config.mask_patterns) if column in config.mask else value
            )[:MAX_TEXT]
    return found


def _name(column: Column) -> str:
    return f"column_{column}" if isinstance(column, int) else column
