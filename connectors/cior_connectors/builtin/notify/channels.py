"""What a channel to phones is: it takes one message and knows copies by their key."""

from __future__ import annotations

from typing import Protocol

from cior_core import identity
from cior_core.model import Level, Struct

URGENT_RANK = Level.P1.rank


class Limits(Struct, frozen=True, kw_only=True):
    """How much a channel is asked at once. What is P1 waits for no ``per_minute``; nothing is dropped: it waits.

    ``try_s``: how long one try may take; ``tries``: how often, within the command's own time.
    """

    at_once: int = 4
    per_minute: int = 120
    try_s: float = 5.0
    tries: int = 12
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0


class Message(Struct, frozen=True, kw_only=True):
    """One message to one address. ``key``: the same for a copy. ``rank``: 1 for P1 to 5. ``until_ms``: no use later."""

    key: str
    address: str
    rank: int
    title: str
    body: str
    language: str
    until_ms: int
    link: str = ""
    drill: bool = False

    def __repr__(self) -> str:
        return f"Message({self.key})"  # an address in a traceback is personal data


class Channel(Protocol):
    """One way to phones."""

    @property
    def name(self) -> str:
        """How contacts call it."""

    @property
    def limits(self) -> Limits:
        """How much it is asked at once."""

    async def send(self, message: Message, /) -> None:
        """Returns when the far side has taken it. ``SourceUnavailable``: try again (it may have been taken, which the
        key says); ``CredentialsRefused``, ``ConfigInvalid``: this will never work.
        """

    async def close(self) -> None:
        """Release everything; idempotent."""


def key_of(command_id: str, person: str, channel: str) -> str:
    """The idempotency key of a message: 32 hex digits that follow from whom it tells what."""
    return identity.digest("cior.notice", command_id, person, channel).hex()[:32]
