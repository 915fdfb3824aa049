"""``cior duty``: who is on duty now, and what the directory lacks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cior_bus.signing import refuse_if_shared
from cior_city.packs import rule_pack
from cior_core import bundled, duty, strict_toml
from cior_core.duty import DutyBook, Team
from cior_core.errors import ConfigInvalid
from cior_core.model import TargetKind
from cior_core.sentences import SentenceBook

Told = tuple[str, dict[str, object]]
_DAY_MS = 86_400_000


class Desk:
    """The files of the duty, the clock and the language of whoever asks."""

    def __init__(self, directory: Path, *, zone: str, language: str, now_ms: int | None = None) -> None:
        self.book = DutyBook.load(_text(directory), file=directory.name)
        self.zone, self.now_ms = _zone(zone), now_ms if now_ms is not None else time.time_ns() // 1_000_000
        self._words = SentenceBook.load(bundled.text("duty.toml"), file="duty.toml")
        self.language = language

    def say(self, code: str, **arguments: object) -> str:
        """A sentence of the catalogue."""
        said: str = getattr(self._words.text(code, arguments), self.language)
        return said

    def instant(self, at_ms: int) -> str:
        """An instant in the city's time."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone).strftime("%Y-%m-%d %H:%M")


def show(desk: Desk) -> int:
    """Every team now. 0."""
    for team in desk.book.team:
        click.echo(_line_of(desk, team))
    return 0


def _line_of(desk: Desk, team: Team) -> str:
    there = duty.on_duty(team, desk.now_ms, desk.zone)
    name = getattr(team, f"name_{desk.language}")
    if not there.people:
        found = duty.find(desk.book, team.id, desk.now_ms, zone=desk.zone, sealed=team.sealed)
        instead = ", ".join(person.name for person in found.people) or desk.say("nobody")
        return desk.say("team_empty", team=team.id, name=name, otherwise=instead)
    return desk.say(
        "team",
        team=team.id,
        name=name,
        people=_names(desk, there.people),
        deputies=_names(desk, there.deputies),
        until=desk.instant(there.until_ms or desk.now_ms),
    )


def _names(desk: Desk, people: tuple[str, ...]) -> str:
    named = [person.name for each in people if (person := desk.book.who(each)) is not None]
    return ", ".join(named) or desk.say("nobody")


def check(desk: Desk, *, contacts: Path | None, days: int, rules: str) -> int:
    """What the directory lacks for the next ``days``: 0 when nothing does, else 2."""
    missing = [*_teams(desk, rules), *_uncovered(desk, days), *_without_channel(desk, contacts)]
    for code, arguments in missing:
        click.echo(desk.say(code, **arguments))
    if not missing:
        click.echo(desk.say("complete", days=days))
    return 2 if missing else 0


def _teams(desk: Desk, rules: str) -> Iterator[Told]:
    """Teams that protocols tell of and nobody keeps; those of silent protocols must be sealed."""
    told: dict[str, bool] = {}
    for protocol in rule_pack(rules).protocols.protocols:
        for step in protocol.steps:
            kind, _, name = step.target.partition(":")
            if kind == TargetKind.TEAM and step.act in {"notify", "task"}:
                team_id, _ = duty.asked(name)
                told[team_id] = told.get(team_id, False) or protocol.silent
    for name, silent in told.items():
        team = desk.book.of(name)
        if team is None:
            yield "team_missing", {"team": name}
        elif silent and not team.sealed:
            yield "not_sealed", {"team": name}


def _uncovered(desk: Desk, days: int) -> Iterator[Told]:
    end_ms = desk.now_ms + days * _DAY_MS
    for gap in duty.uncovered(desk.book, from_ms=desk.now_ms, to_ms=end_ms, zone=desk.zone):
        start, end = desk.instant(gap.from_ms), desk.instant(gap.to_ms)
        yield "uncovered", {"team": gap.team, "start": start, "end": end}


def _without_channel(desk: Desk, contacts: Path | None) -> Iterator[Told]:
    if contacts is None:
        return
    if contacts.exists():
        refuse_if_shared(contacts)
    known = strict_toml.parse(_text(contacts), dict[str, dict[str, str]], file=contacts.name)
    for person in desk.book.person:
        if not known.get(person.id):
            yield "no_channel", {"person": person.id}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "config.unreadable",
            f"{path.name}: cannot be read ({type(error).__name__})",
            cure="check the path, the rights and UTF-8",
        ) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ConfigInvalid(
            "config.zone", f"there is no time zone '{name}'", cure="give an IANA name"
        ) from error
