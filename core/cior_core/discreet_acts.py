"""What of a person's act may travel when it is about something silent (law 17)."""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.model import Action

WITHHELD: Final = "[reservado]"
"""What stands for a person's words: that there were some. The team keeps its own records of what they were."""


def discreet(action: Action, *, silent: bool) -> Action:
    """``action`` itself, or of something silent no more than its district: no point, no address, none of the words.

    Whoever signs an act calls it first, since what is signed stays on the log as it is; the core does so again.
    """
    if not silent:
        return action
    place = None if action.place is None else action.place.district_only()
    return msgspec.structs.replace(action, place=place, text="", reason=withheld(action.reason))


def withheld(words: str) -> str:
    """What is told of ``words``: :data:`WITHHELD`, or nothing where nothing was said."""
    return WITHHELD if words.strip() else ""
