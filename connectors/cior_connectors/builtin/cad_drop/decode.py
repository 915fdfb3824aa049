"""One CAD record to one event.

Pure: the reader's facts (header, how often this row came before in its file, whether the incident is known) are in
``facts.details``.

A record is never dropped for what it lacks: no time, no place, an unknown nature all give an event that says so. Only
bytes that are no record are rejected.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Any

from cior_connectors.builtin.cad_drop import places, rows, times, values
from cior_connectors.builtin.cad_drop.config import CadDropConfig, Column, SealRule
from cior_connectors.contract import Decoded, Facts, Taxonomy
from cior_connectors.decoding import clock_notes, make_event
from cior_core import clock
from cior_core.attributes import DISPATCHED_MS, MERGED_INTO, ON_SCENE_MS, VERIFIED
from cior_core.clock import DEFAULT_LIMITS, ClockLimits, ClockReading
from cior_core.errors import PayloadRejected
from cior_core.model import DataClass, Phase, TypeCode

MAX_TEXT = 500
DAY_S = 86_400.0
_SPACE = re.compile(r"\s+")
_LOST = "\ufffd"
"""What a program upstream put where it could not read a letter."""


def decode(raw: bytes, facts: Facts) -> Decoded:
    """``raw`` (one record as the reader cut it) as one event.

    Raises ``PayloadRejected``: the reader's ``problem``, or why it cannot be read.
    """
    config: CadDropConfig = facts.known.config
    if problem := facts.details.get("problem", ""):
        raise PayloadRejected(problem, "these bytes of the file are not a record")
    row = rows.read(raw, config, facts.details)
    occurred = times.instant(row.parts(rows.several(config.columns.occurred)), config)
    nature = _SPACE.sub(" ", unicodedata.normalize("NFC", row.get(config.columns.type)))
    texts = places.Texts(
        lat=row.get(config.columns.lat),
        lon=row.get(config.columns.lon),
        field=row.get(config.columns.place),
        address=row.joined(config.columns.address, ", "),
    )
    spot, place_note = places.place(texts, config)
    if occurred.ms is None and not (spot.located or spot.text or nature or row.joined(config.columns.id, "")):
        raise PayloadRejected(
            "cad_drop.nothing_readable",
            "neither time, place, address, nature nor number can be read",
            cure="check the column mapping",
        )
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
    year = year_of(occurred, facts.details.get("year", ""))
    incident = incident_key(raw, row, config, year=year, occurrence=facts.details.get("occurrence", "0"))
    notes = _notes(row, facts, config, time_note=occurred.note, place_note=place_note)
    classed: dict[str, Any] = {}
    if must_seal(row, nature, config, facts.known.taxonomy):
        classed["data_class"] = DataClass.SEALED
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
        attributes=_attributes(row, config, year) | notes | {"incident": incident} | clock_notes(judged),
        **classed,
    )
    return Decoded(events=(event,), clocks=_reading(occurred.ms, config, stored=stored))


def _notes(
    row: rows.Row, facts: Facts, config: CadDropConfig, *, time_note: str, place_note: str
) -> dict[str, str]:
    """What was read otherwise than it is written."""
    notes = {
        "time_note": time_note,
        "place_note": place_note,
        "id_note": (id_note := number_note(row, config) or _zeros(facts)),
        "id_written": row.joined(config.columns.id, "/")[:MAX_TEXT] if id_note else "",
        "encoding_note": facts.details.get("encoding_note", ""),
    }
    return {name: note for name, note in notes.items() if note}


def _zeros(facts: Facts) -> str:
    """The number was seen with zeros before it, which are gone: not the same any more, and perhaps not another."""
    return "zeros" if facts.details.get("zeros") else ""


def year_of(occurred: times.Instant, remembered: str) -> int | None:
    """The year of an incident's number: of its own time, else the one in which the number was last given."""
    return occurred.year if occurred.year is not None else int(remembered) if remembered.isdigit() else None


def must_seal(row: rows.Row, nature: str, config: CadDropConfig, taxonomy: Taxonomy) -> bool:
    """Whether a call is sealed whatever its type: by what it says (``seal``), or because that cannot be looked at.

    A desk that has sealed types may have meant one where the nature is missing or was broken on its way.
    """
    sealed_types = any(taxonomy[TypeCode(rule.code)].data_class is DataClass.SEALED for rule in config.types)
    if sealed_types and (not nature or _LOST in nature):
        return True
    return any(_seals(rule, row) for rule in config.seal)


def _seals(rule: SealRule, row: rows.Row) -> bool:
    texts = row.parts(rule.columns)
    return (
        any(not row.has(column) for column in rule.columns)
        or any(_LOST in text for text in texts)
        or any(
            _compiled(values.unaccented(rule.pattern)).search(each)
            for text in texts
            for each in _readings(text)
        )
    )


def _readings(text: str) -> tuple[str, ...]:
    """``text`` without accents, as it is and as what a wrong decoding made it from."""
    return (values.unaccented(text), values.unaccented(values.repaired(text)))


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
    """Key that all versions of an incident share: its number within its year, or (without a whole number) the record's
    own bytes and how often they came before in the file.
    """
    number = row.joined(config.columns.id, "/")
    if number and not number_note(row, config):
        return _scoped(number, config, year)
    return "row:" + digest(raw.strip(b"\r\n")) + ":" + occurrence


def number_note(row: rows.Row, config: CadDropConfig) -> str:
    """What was destroyed of the incident number, see :func:`values.destroyed`; "" when it is whole or missing."""
    columns = config.columns.id
    found = [values.destroyed(text, None) for text in row.parts(columns)]
    # A date among several columns is a part of the number.
    seen = next((note for note in found if note and (note != "date" or len(columns) == 1)), "")
    return seen or values.destroyed(row.joined(columns, "/"), config.id_pattern if columns else None)


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
    """Code of the first rule that matches as written, else of the first that does without accents; else the default."""
    folded = nature.casefold()
    for rule in config.types:
        if folded in (exact.casefold() for exact in rule.equals) or (
            rule.pattern is not None and _compiled(rule.pattern).search(nature)
        ):
            return rule.code
    plain = _readings(nature)
    for rule in config.types:
        exacts = [values.unaccented(exact).casefold() for exact in rule.equals]
        pattern = None if rule.pattern is None else _compiled(values.unaccented(rule.pattern))
        if any(each.casefold() in exacts or (pattern and pattern.search(each)) for each in plain):
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
        if note := values.destroyed(target, config.id_pattern):
            found["merged_note"] = note
        else:
            found[MERGED_INTO] = _scoped(target, config, year)
    if config.columns.verified is not None and _compiled(config.verified_pattern).search(
        row.get(config.columns.verified)
    ):
        found[VERIFIED] = True
    stamps = ((DISPATCHED_MS, config.columns.dispatched), (ON_SCENE_MS, config.columns.on_scene))
    for name, column in stamps:
        if (stamp_ms := times.instant(row.parts(rows.several(column)), config).ms) is not None:
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
