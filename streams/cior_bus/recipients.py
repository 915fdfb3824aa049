"""For whom this centre sealed, and from when to when: what is lost with a private key can then be said exactly.

``recipients.json`` beside the keys holds public keys and instants only.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cior_bus import durable_file
from cior_bus.public_key import KEEPER, TEAM, read_line
from cior_core.errors import ConfigInvalid
from cior_core.signatures import key_name

FILE = "recipients.json"


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """One public key and its time (UTC ms); ``until_ms`` None: it is sealed for it now."""

    role: str
    public: bytes
    from_ms: int
    until_ms: int | None = None

    @property
    def name(self) -> str:
        """Its short name, the same that its file shows."""
        return key_name(self.public)


def keeper_public(folder: Path) -> bytes | None:
    """The second keeper's public key, when somebody is one.

    Raises ``ConfigInvalid`` (``keys.keeper_private``): its private half lies where network services run.
    """
    private, path = folder / f"{KEEPER}.private", folder / f"{KEEPER}.public"
    if private.exists():
        raise ConfigInvalid(
            "keys.keeper_private",
            f"the second keeper's private key lies on this computer ({private})",
            cure="move it to the keeper's own computer and delete it here",
        )
    return read_line(path, KEEPER) if path.exists() else None


def recipients(folder: Path) -> tuple[Recipient, ...]:
    """All of them, oldest first."""
    path = folder / FILE
    if not path.exists():
        return ()
    return msgspec.json.decode(path.read_bytes(), type=tuple[Recipient, ...])


def note_recipients(folder: Path, team: bytes, *, now_ms: int) -> tuple[Recipient, ...]:
    """Write down for whom it is sealed from now on, when that changed."""
    before = recipients(folder)
    now = {(TEAM, team)}
    keeper = keeper_public(folder)
    if keeper is not None:
        now.add((KEEPER, keeper))
    after = [
        each
        if each.until_ms is not None or (each.role, each.public) in now
        else msgspec.structs.replace(each, until_ms=now_ms)
        for each in before
    ]
    open_ones = {(each.role, each.public) for each in after if each.until_ms is None}
    after += [Recipient(role=role, public=public, from_ms=now_ms) for role, public in sorted(now - open_ones)]
    if tuple(after) != before:
        durable_file.replace(folder / FILE, msgspec.json.format(msgspec.json.encode(after)))
    return tuple(after)


def open_by_keeper(folder: Path, lost: bytes, *, now_ms: int) -> tuple[Recipient, ...]:
    """The keepers of the time in which it was sealed for the key ``lost``, each with the part of it that is theirs."""
    known = recipients(folder)
    first = next((each for each in known if (each.role, each.public) == (TEAM, lost)), None)
    if first is None:
        return ()
    end_ms = now_ms if first.until_ms is None else first.until_ms
    shared = (
        msgspec.structs.replace(
            each,
            from_ms=max(each.from_ms, first.from_ms),
            until_ms=min(now_ms if each.until_ms is None else each.until_ms, end_ms),
        )
        for each in known
        if each.role == KEEPER
    )
    return tuple(each for each in shared if each.until_ms is not None and each.from_ms < each.until_ms)
