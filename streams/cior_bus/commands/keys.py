"""``cior keys``: the response team's pair, made on a computer of theirs; new keys for old ones; what exists and who has
it. What is printed is public: a private key only ever goes into a file that its owner alone may read.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import click
import msgspec

from cior_bus import durable_file
from cior_bus.keys import KeyRing, make_pair, open_keys
from cior_bus.public_key import KEEPER, TEAM, read_line
from cior_bus.recipients import note_recipients, open_by_keeper, recipients
from cior_bus.signers import HONOURED_MS, rotate_signer
from cior_bus.signing import RING, read_ring
from cior_core import bundled
from cior_core.errors import ConfigInvalid
from cior_core.keyed import REMEMBERED_MS, RetiredKey
from cior_core.sentences import SentenceBook
from cior_core.signatures import key_name, may_sign, signing_parts

_HOUR_MS = 3_600_000
Say = Callable[..., None]


class What(StrEnum):
    """Which key is replaced."""

    ACTIONS = "actions"
    CENTRE = "centre"
    TEAM = "team"
    WALL = "wall"


def key_sentences() -> SentenceBook:
    """What is said of keys."""
    return SentenceBook.load(bundled.text("keys.toml"), file="keys.toml")


def sayer(language: str) -> Say:
    """Prints a sentence by its code."""
    book = key_sentences()

    def say(code: str, **arguments: object) -> None:
        click.echo(getattr(book.text(code, arguments), language))

    return say


def make(folder: Path, *, language: str, role: str = TEAM) -> int:
    """The pair of the response team, of its second keeper, or of whoever mends decoders.

    Raises ``ConfigInvalid`` when one is there.
    """
    say = sayer(language)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        public = make_pair(folder, role)
    except FileExistsError as error:
        raise ConfigInvalid(
            "keys.there",
            f"{folder} holds such a key already",
            cure="name another folder; a key that was used is kept as long as what was sealed for it",
        ) from error
    say("made", private=folder / f"{role}.private", public=folder / f"{role}.public")
    say("carry", public=f"{role}.public", name=key_name(public))
    say("backup_team", private=f"{role}.private")
    return 0


def rotate(folder: Path, what: What, *, public: Path | None, stolen: bool, language: str) -> int:
    """A new key for an old one. ``public``: the team's new one; ``stolen``: the old one is honoured no longer."""
    ring, say = open_keys(folder), sayer(language)
    honoured_ms = 0 if stolen else HONOURED_MS
    match what:
        case What.ACTIONS:
            _rotate_actions(folder, honoured_ms, say)
        case What.CENTRE:
            _rotate_centre(ring, 0 if stolen else REMEMBERED_MS, say)
        case What.TEAM:
            _rotate_team(ring, public or folder / f"{TEAM}.public", say)
        case What.WALL:
            _keep(ring, wall_token=secrets.token_urlsafe(18))
            say("rotated_wall", file=ring.file)
    return 0


def _rotate_actions(folder: Path, honoured_ms: int, say: Say) -> None:
    parts = sorted(path.stem for path in folder.glob("*.signing"))
    if not parts:
        raise ConfigInvalid("keys.no_signer", "no part signs actions here", cure="name the centre's keys")
    for part in parts:
        made = rotate_signer(folder, part, honoured_ms=honoured_ms)
        say("rotated_actions", part=part, name=made.key, hours=honoured_ms // _HOUR_MS)


def _rotate_centre(ring: KeyRing, remembered_ms: int, say: Say) -> None:
    old = RetiredKey(key=ring.keys.centre_hmac, until_ms=_now_ms(), remembered_ms=remembered_ms)
    _keep(ring, centre_hmac=secrets.token_bytes(32), retired=(*ring.keys.retired, old))
    say("rotated_centre", hours=remembered_ms // _HOUR_MS)


def _rotate_team(ring: KeyRing, public: Path, say: Say) -> None:
    team = read_line(public, TEAM)
    if team == ring.keys.team_public:
        raise ConfigInvalid(
            "keys.same_team",
            f"{public.name} is the key that is in use",
            cure="run `cior keys team FOLDER` on the team's computer and carry the new team.public",
        )
    _keep(ring, team_public=team)
    note_recipients(ring.file.parent, team, now_ms=_now_ms())
    say("rotated_team", name=key_name(team))


def _keep(ring: KeyRing, **changes: object) -> None:
    keys = msgspec.structs.replace(ring.keys, **changes)
    durable_file.replace(ring.file, msgspec.json.encode(keys))


def lost(folder: Path, name: str | None, *, language: str) -> int:
    """What the loss of a team's private key means, said plainly: by its short name; left out, the one in use."""
    say, now_ms = sayer(language), _now_ms()
    team = [each for each in recipients(folder) if each.role == TEAM and name in {None, each.name}]
    if not team:
        raise ConfigInvalid(
            "keys.unknown", "no such key of a team was used here", cure="see `cior keys list`"
        )
    keepers = open_by_keeper(folder, team[-1].public, now_ms=now_ms)
    for each in keepers:
        say("lost_keeper", since=_instant(each.from_ms), name=each.name)
    if not keepers:
        say("lost_alone", name=team[-1].name)
    say("lost_stays")
    return 0


def show(folder: Path, *, language: str) -> int:
    """Every public key of this centre and its time; no secret."""
    say, book = sayer(language), key_sentences()
    now = recipients(folder)
    rows = [(each.role, each.name, each.from_ms, each.until_ms) for each in now]
    ring = read_ring(folder / RING).keys
    rows += [(each.signer, each.key, each.from_ms, each.until_ms) for each in ring]
    for role, name, from_ms, until_ms in rows:
        end = "" if until_ms is None else book.text("ended", {"until": _instant(until_ms)})
        say("row", role=role, name=name, since=_instant(from_ms), end=end)
    for part in signing_parts(bundled.text("signers.toml")):
        own = [each for each in ring if each.signer == part and each.until_ms is None]
        wanted = may_sign(bundled.text("signers.toml"), part)
        if own and (not set(wanted.kinds) <= set(own[-1].kinds) or wanted.duty > own[-1].duty):
            say("older_than_its_acts", part=part)
    if not any(each.role == KEEPER and each.until_ms is None for each in now):
        say("no_keeper")
    return 0


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
