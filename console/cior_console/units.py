"""Where the agencies' units are, told beside the alerts on the same feed: event ``units``, all of a class at once,
whenever one of them moved.

On the feed, since a page that asked every few seconds would be a row of the ledger each time. Only what the register of
devices calls a unit is ever here (``console.v_units``). The plain view has none: a wall is read by visitors. An agency
has its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

import msgspec
import structlog

from cior_console.feed import AlertFeed
from cior_console.visibility import View, Visibility
from cior_core.errors import CiorError
from cior_core.protocols import Agency
from cior_store.answers import UnitRow

log = structlog.get_logger("cior.console")

EVENT = "units"
_EVERY_S = 5.0
_ASK_S = 4.0
_json = msgspec.json.Encoder()

AskUnits = Callable[[], Iterable[UnitRow]]
"""The store's word on every unit; blocking. Raises ``CiorError``."""


class ShownUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit as screens see it. Older than ``fresh_s`` (from ``seen_ms``) its place is only where it was."""

    id: str
    name: str
    agency: str
    kind: str
    lat: float
    lon: float
    district: str
    seen_ms: int
    fresh_s: float
    drill: bool


class Units:
    """What is known of the units. Without the store's word the last one stays, and grows old on every screen."""

    def __init__(self, feed: AlertFeed, ask: AskUnits, agencies: Mapping[str, Agency]) -> None:
        self._feed, self._ask, self._agencies = feed, ask, agencies
        self._known: tuple[ShownUnit, ...] = ()

    async def run(self, stop: asyncio.Event, *, every_s: float = _EVERY_S) -> None:
        """Ask and tell until ``stop``; nobody is asked while nobody looks."""
        while not stop.is_set():
            if self._feed.watchers:
                await self.refresh()
            try:
                await asyncio.wait_for(stop.wait(), every_s)
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Ask once; tell what changed."""
        try:
            rows = await asyncio.wait_for(asyncio.to_thread(lambda: tuple(self._ask())), _ASK_S)
        except (TimeoutError, CiorError):
            log.debug("units_unknown")
            return
        found = tuple(map(_shown, rows))
        if found != self._known:
            self._known = found
            self._feed.say(EVENT, self.told)

    def told(self, visibility: Visibility) -> bytes:
        """The units of a class as the event's data; empty for one that gets none."""
        if visibility.view is View.PLAIN and not visibility.scope.agencies:
            return b""
        return _json.encode({"units": [unit for unit in self._known if self._is_seen(unit, visibility)]})

    def _is_seen(self, unit: ShownUnit, visibility: Visibility) -> bool:
        scope, agency = visibility.scope, self._agencies.get(unit.agency)
        whose = {unit.agency} | ({agency.government.value} if agency is not None else set())
        if scope.agencies and whose.isdisjoint(scope.agencies):
            return False
        return not scope.districts or unit.district in scope.districts


def _shown(row: UnitRow) -> ShownUnit:
    values = {name: getattr(row, name) for name in ShownUnit.__struct_fields__ if name != "id"}
    return ShownUnit(id=row.unit, **values)
