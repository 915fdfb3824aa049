"""What of a person's act may travel when it is about something silent (law 17)."""

from __future__ import annotations

import msgspec

from cior_core.model import Action


def discreet(action: Action, *, silent: bool) -> Action:
    """``action`` itself, or of a silent type no more than its district: no point, no address, no text.

    Whoever signs an act calls it first, since what is signed stays on the log as it is; the core does so again.
    """
    if not silent:
        return action
    place = None if action.place is None else action.place.district_only()
    return msgspec.structs.replace(action, place=place, text="")
