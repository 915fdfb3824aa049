"""What is open is told to the correlator again after the broker lost its log: the embedded one keeps it in memory.

A new epoch of the log (:mod:`cior_bus.log_epoch`) begins empty: the correlator remembers no alert, and the wall, which
is fed from its topic, shows none. The store has them. What the correlator does remember it leaves as it is, so that a
sink that merely starts again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_core import codec, identity
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected
from cior_core.model import Alert, RecallItem
from cior_sink.periodic import Periodic
from cior_store.engine import Store
from cior_store.questions import OperatorQuestions

log = structlog.get_logger("cior_sink.recalling")

_PAGE = 1_000


class SignsRecalls(Protocol):
    """What a recall is signed with (law 13): ``cior_bus.signing.ActionSigner``."""

    def sign_recall(self, item: RecallItem, *, at_ms: int) -> RecallItem:
        """``item`` with its proof. Raises ``ConfigInvalid``."""
        ...


class Recaller:
    """``thread`` looks each ``every_s`` which log answers, and recalls once for each."""

    def __init__(
        self,
        settings: BusSettings,
        store: Store,
        bus: Bus,
        *,
        signer: Callable[[], SignsRecalls],
        now_ms: Callable[[], int],
        every_s: float = 2.0,
    ) -> None:
        self._topics, self._bus, self._now_ms = Topics(settings, timeout_s=5.0), bus, now_ms
        self._questions, self._signer = OperatorQuestions(store), signer
        self._recalled = ""
        self.thread = Periodic("recaller", self.look, every_s=every_s, first_s=0.0)

    def look(self) -> int:
        """How many alerts were told to a log that is new; it is done again from the beginning when this raises."""
        epoch = self._topics.epoch()
        if epoch == self._recalled:
            return 0  # a broker that keeps its log on its disk has no epochs
        count = sum(self._recall(epoch, life_safety=first) for first in (True, False))
        self._recalled = epoch
        if count:
            log.warning("open_alerts_recalled", alerts=count)
        return count

    def _recall(self, epoch: str, *, life_safety: bool) -> int:
        count, after = 0, ""
        while page := self._questions.open_alert_bodies(life_safety=life_safety, after=after, limit=_PAGE):
            alerts = [alert for _, body in page if (alert := _read(body)) is not None]
            self._bus.publish_sync(self._messages(alerts, epoch))
            after, count = page[-1][0], count + len(alerts)
        return count

    def _messages(self, alerts: Sequence[Alert], epoch: str) -> list[MessageOut]:
        """By way of the waiting room: presses that come now go first, and the door stamps what it lets in (law 6)."""
        signer, now_ms = self._signer(), self._now_ms()
        items = [
            RecallItem(
                id=identity.item_id("recall", alert.area, f"{epoch}:{alert.id}"),
                area=alert.area,
                at_ms=now_ms,
                alert=alert,
            )
            for alert in alerts
        ]
        return [
            MessageOut(
                topic=topics.WAITING.name,
                key=item.area.encode(),
                value=codec.encode(signer.sign_recall(item, at_ms=now_ms)),
            )
            for item in items
        ]


def _read(body: bytes) -> Alert | None:
    try:
        found = codec.decode(Kind.ALERT, body)
    except PayloadRejected as error:
        log.exception("open_alert_unreadable", code=error.code)
        return None
    return found if isinstance(found, Alert) else None
