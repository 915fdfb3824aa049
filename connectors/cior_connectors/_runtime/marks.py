"""A durable instant: how far history has been reconciled.

Written whole and renamed, so a kill leaves the old or the new one.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cior_bus import durable_file
from cior_connectors.contract import Outcome, Received, Refused


class Mark:
    """One instant in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, *, default: int) -> int:
        """The instant, or ``default`` when there is none that can be read: asking for more history than needed is
        harmless.
        """
        try:
            return int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return default

    def write(self, at_ms: int) -> None:
        """Durable on return."""
        durable_file.replace(self._path, b"%d" % at_ms)


def watched(received: Received, refused: list[Outcome]) -> Received:
    """The payload, with an answer that also notes refusals: the mark may not pass what is not durable."""

    async def answer(outcome: Outcome) -> None:
        if isinstance(outcome, Refused):
            refused.append(outcome)
        await received.ack(outcome)

    return msgspec.structs.replace(received, ack=answer)
