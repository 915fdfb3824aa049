"""For whom this centre sealed, and from when to when: what is lost with a private key can then be said exactly.

``recipients.json`` beside the keys holds public keys and instants only.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cior.public_key import TEAM
from cior_bus import durable_file
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
