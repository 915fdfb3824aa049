"""What the console reads of the bus: ``cior.alerts.v1`` from its beginning, then live; of stories only what is new."""

from __future__ import annotations

from collections.abc import Callable

from cior_bus.settings import BusSettings
from cior_bus.topic_reader import TopicReader
from cior_core.catalogue import Kind
from cior_core.model import Alert

GROUP = "cior-feed-"
"""How the names of the console's consumer groups begin."""


class FeedReader(TopicReader[Alert]):
    """The alerts' topic is compacted, so its beginning is the current state."""

    def __init__(self, settings: BusSettings, ingest: Callable[[Alert, bytes], None]) -> None:
        super().__init__(settings, Kind.ALERT, Alert, ingest, group=GROUP)
