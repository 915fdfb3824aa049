"""What a person does about something silent is signed without its place and its words (law 17): what is signed stays on
the log as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from cior_console.wall_view import is_sealed
from cior_core.discreet_acts import discreet
from cior_core.model import Action, Alert


class Signs(Protocol):
    """Signs in the name of this part."""

    def sign(self, action: Action, *, at_ms: int) -> Action:
        """With its proof."""
        ...


class Silent(Protocol):
    """The part of a taxonomy entry that says whether it must make no sound."""

    @property
    def silent(self) -> bool:
        """Nobody but the response team may know more than that it is."""
        ...


class DiscreetSigner:
    """Signs what may travel. ``district``: that of a point in WGS84 degrees; ``current``: an alert as it stands now."""

    def __init__(
        self,
        signer: Signs,
        *,
        types: Mapping[str, Silent],
        district: Callable[[float, float], str | None],
        current: Callable[[str], Alert | None],
    ) -> None:
        self._signer, self._types, self._district, self._current = signer, types, district, current

    def sign(self, action: Action, *, at_ms: int) -> Action:
        """See :class:`Signs`."""
        silent = self.is_silent(action.alert_id, *action.target_ids, kind=action.type)
        return self._signer.sign(
            discreet(self._districted(action) if silent else action, silent=silent), at_ms=at_ms
        )

    def is_silent(self, *alert_ids: str | None, kind: str | None = None) -> bool:
        """Whether one of these alerts, or the type called ``kind``, is for the response team alone."""
        known = self._types.get(kind or "")
        alerts = (self._current(each) for each in alert_ids if each)
        return (known is not None and known.silent) or any(
            is_sealed(alert) for alert in alerts if alert is not None
        )

    def _districted(self, action: Action) -> Action:
        """With the district of its point, which is all that is left of it."""
        place = action.place
        if place is None or place.district or place.lat is None or place.lon is None:
            return action
        found = self._district(place.lat, place.lon)
        return msgspec.structs.replace(action, place=msgspec.structs.replace(place, district=found))
