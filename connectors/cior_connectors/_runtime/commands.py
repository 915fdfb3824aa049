"""A two-way source as the runtime lets commands reach it: only while it is open."""

from __future__ import annotations

from collections.abc import Callable, Collection

from cior_connectors.contract import Commandable
from cior_core.errors import SourceUnavailable
from cior_core.model import Command, Receipt, Target


class WhileOpen:
    """``cior_bus.obeying.Actuator`` over a source that opens and closes."""

    def __init__(self, source: Commandable, *, is_open: Callable[[], bool]) -> None:
        self._source, self._is_open = source, is_open

    @property
    def targets(self) -> Collection[Target]:
        """Those of the source, open or not: its commands wait for it."""
        return self._source.targets

    async def act(self, command: Command, /) -> Receipt:
        """Raises ``SourceUnavailable`` (``connector.down``) while it is not open, else as the source does."""
        if not self._is_open():
            raise SourceUnavailable("connector.down", "the connector is not connected")
        return await self._source.act(command)
