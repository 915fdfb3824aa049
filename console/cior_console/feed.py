"""The live feed: the current alerts in memory, and everyone who watches them.

``AlertFeed.apply`` may be called from a consumer thread; all else lives on the event loop. A row is encoded once a
view (``visibility``) and its bytes are shared. Life at risk and P1 go out at once, the rest every 100 ms; the order of
changes is kept. Each change has a number; ``EPOCH-NUMBER`` is the id of its message (WHATWG HTML §9.2.4), and whoever
comes back with one of the last thousand goes on there, everybody else gets a snapshot.

A watcher that does not keep up is not waited for: its queue is cleared and it takes a new snapshot.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from cior_bus.metrics import Metrics
from cior_console import metrics as m
from cior_console.visibility import NOBODY_COMPETENT, Competence, Sight, View, Visibility, sight_of
from cior_console.wall_view import TypeNames, full_row, project
from cior_core import codec
from cior_core.alert_age import opening_receipt_ms
from cior_core.catalogue import Kind
from cior_core.model import Alert, AlertStatus, Level, Struct
from cior_core.priority import order

_GONE = frozenset({AlertStatus.CLOSED, AlertStatus.MERGED})
_LATE_MS = 2_000
"""From the receipt of a signal to its alert here; beyond it the wall is red (law 16)."""
_LATE_SHOWN_MS = 60_000
_BATCH_S = 0.1
_RING = 1_000
_CLOSED_KEPT = 5_000
_OPENINGS_KEPT = 20_000
"""Openings that the load counts: more than two days of a city at its limit (mission: 1,800 a day)."""
_json = msgspec.json.Encoder()
Order = tuple[int | bool | str, ...]


class Glance(Struct, frozen=True):
    """What is counted of an open alert without reading the whole record."""

    level: Level
    assignee: str | None
    opened_ms: int
    life_safety: bool
    drill: bool = False


class Opening(Struct, frozen=True):
    """That an alert was opened, and when: counted after it was closed too."""

    at_ms: int
    sight: Sight
    drill: bool


class Shown:
    """An alert that is open, as its record came. Rows are made when the first of a view asks."""

    __slots__ = ("_feed", "_rows", "body", "glance", "order", "sight")

    def __init__(self, feed: AlertFeed, alert: Alert, body: bytes, sight: Sight) -> None:
        self._feed, self.body, self.sight = feed, body, sight
        self.order = order(alert)
        self.glance = Glance(alert.level, alert.assignee, alert.opened_ms, alert.life_safety, alert.drill)
        self._rows: dict[View, bytes] = {}

    @property
    def alert(self) -> Alert:
        """The whole record."""
        found = codec.decode(Kind.ALERT, self.body)
        assert isinstance(found, Alert)
        return found

    def row(self, view: View, alert: Alert | None = None) -> bytes:
        """Its row as JSON."""
        if view not in self._rows:
            self._rows[view] = _json.encode(self._feed.project(alert or self.alert, view))
        return self._rows[view]


class Change:
    """One numbered change: what was seen of the alert before, and what is now. None: not open."""

    __slots__ = ("_after", "_before", "_frames", "_gone", "_is_late", "alert_id", "id", "seq")

    def __init__(
        self, epoch: str, seq: int, alert_id: str, *, before: Shown | None, after: Shown | None, late: bool
    ) -> None:
        self.seq, self.alert_id, self.id = seq, alert_id, f"{epoch}-{seq}"
        self._before = before.sight if before is not None else None
        self._after, self._is_late = after, late
        self._frames: dict[View, bytes] = {}
        self._gone: bytes | None = None

    def told(self, visibility: Visibility) -> bytes:
        """The message of this change to a class; empty for one that it does not concern."""
        if self._after is not None and visibility.sees(self._after.sight):
            return self._upsert(self._after, visibility.view)
        return self._leaving() if visibility.sees(self._before) else b""

    def _upsert(self, shown: Shown, view: View) -> bytes:
        if view not in self._frames:
            late = b"true" if self._is_late else b"false"
            data = b'{"seq":%d,"late":%b,"alert":%b}' % (self.seq, late, shown.row(view))
            self._frames[view] = message("alert", data, self.id)
        return self._frames[view]

    def _leaving(self) -> bytes:
        if self._gone is None:
            self._gone = message("gone", _json.encode({"seq": self.seq, "id": self.alert_id}), self.id)
        return self._gone


class Watcher:
    """One open page. ``queue`` holds encoded messages; None: take a new snapshot."""

    def __init__(self, visibility: Visibility, limit: int) -> None:
        self.visibility = visibility
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(limit)
        self.resyncs = 0

    def offer(self, chunk: bytes) -> bool:
        """Queue without waiting; when full, drop all that waits and ask for a new snapshot (counted in ``resyncs``):
        then false.
        """
        if not self.queue.full():
            self.queue.put_nowait(chunk)
            return True
        self.begin_again()
        self.resyncs += 1
        return False

    def begin_again(self) -> None:
        """Drop what waits, and ask for a new snapshot."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)

    async def take(self, wait_s: float) -> bytes | None:
        """All that waits, as one piece; None: a new snapshot tells it. Raises ``TimeoutError`` after ``wait_s``."""
        if self.queue.empty():
            # Not wait_for, which makes a task of each piece: with 200 pages that was most of what a piece cost.
            async with asyncio.timeout(wait_s):
                found = [await self.queue.get()]
        else:
            found = []
        while not self.queue.empty():
            found.append(self.queue.get_nowait())
        return None if None in found else b"".join(each for each in found if each is not None)


class AlertFeed:
    """Alerts by id, newest version wins; closed ones leave."""

    def __init__(
        self,
        names: Mapping[str, TypeNames],
        *,
        now_ms: Callable[[], int],
        competent: Competence = NOBODY_COMPETENT,
        watcher_limit: int = 500,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._metrics.read_at_scrape(lambda: {(m.WATCHERS.name, ()): float(self.watchers)})
        self._since_ms = now_ms()
        self._names, self._now_ms, self._limit = names, now_ms, watcher_limit
        self._competent = competent
        self._open: dict[str, Shown] = {}
        self._closed: OrderedDict[str, Shown] = OrderedDict()
        self._versions: dict[str, int] = {}
        self._openings: deque[Opening] = deque(maxlen=_OPENINGS_KEPT)
        self._classes: dict[Visibility, set[Watcher]] = {}
        self._ring: deque[Change] = deque(maxlen=_RING)
        self._pending: list[Change] = []
        self._beside: dict[str, Callable[[Visibility], bytes]] = {}
        self._flushing: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._late_ms: int | None = None
        self.listeners: list[Callable[[Alert], None]] = []
        self.epoch = secrets.token_hex(4)
        self.seq = 0
        self.last_applied_ms: int | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call once on the loop that serves pages, before ``apply`` is called from another thread."""
        self._loop = loop

    def apply(self, alert: Alert, body: bytes | None = None) -> None:
        """Take a new state of an alert (``body``: its record, where it is at hand); thread-safe, never blocks, older
        versions are ignored.
        """
        if self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._apply, alert, body or codec.encode(alert))

    def _apply(self, alert: Alert, body: bytes) -> None:
        self.last_applied_ms = self._now_ms()
        if alert.version <= self._versions.get(alert.id, 0):
            return
        if alert.id not in self._versions:
            opening = Opening(alert.opened_ms, sight_of(alert, self._competent), alert.drill)
            self._openings.append(opening)
        self._versions[alert.id] = alert.version
        self.seq += 1
        self._measure(alert)
        change = self._take(alert, body)
        if change is not None:
            self._ring.append(change)
            self._pending.append(change)
            self._send(is_urgent=alert.life_safety or alert.level is Level.P1)
        for listener in self.listeners:
            listener(alert)

    def _take(self, alert: Alert, body: bytes) -> Change | None:
        before, after = self._open.pop(alert.id, None), None
        shown = Shown(self, alert, body, sight_of(alert, self._competent))
        if alert.status in _GONE:
            self._remember(alert.id, shown)
        else:
            after = self._open[alert.id] = shown
            self._closed.pop(alert.id, None)
            for view in {each.view for each in self._classes}:
                after.row(view, alert)
        if before is None and after is None:
            return None
        return Change(self.epoch, self.seq, alert.id, before=before, after=after, late=self.is_late)

    def _remember(self, alert_id: str, shown: Shown) -> None:
        """Who closed one may still read it, and reopen it."""
        self._closed[alert_id] = shown
        if len(self._closed) > _CLOSED_KEPT:
            self._closed.popitem(last=False)

    def _send(self, *, is_urgent: bool) -> None:
        """Now, or with what comes within 100 ms."""
        if is_urgent:
            self._flush()
        elif self._flushing is None and self._loop is not None:
            self._flushing = self._loop.call_later(_BATCH_S, self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        changes, self._pending = self._pending, []
        for visibility, watchers in self._classes.items():
            chunk = b"".join(change.told(visibility) for change in changes)
            for watcher in watchers if chunk else ():
                if not watcher.offer(chunk):
                    self._metrics.add(m.RESYNCS)

    def say(self, kind: str, told: Callable[[Visibility], bytes]) -> None:
        """Tell something beside the alerts to every class, as ``told`` has it (JSON; empty: not for this class). Who
        comes later gets the last of each kind (:meth:`beside`).
        """
        self._beside[kind] = told
        for visibility, watchers in self._classes.items():
            data = told(visibility)
            for watcher in watchers if data else ():
                if not watcher.offer(message(kind, data)):
                    self._metrics.add(m.RESYNCS)

    def beside(self, visibility: Visibility) -> bytes:
        """What was said last of each kind, for one that comes now."""
        told = ((kind, data) for kind, tell in self._beside.items() if (data := tell(visibility)))
        return b"".join(message(kind, data) for kind, data in told)

    def _measure(self, alert: Alert) -> None:
        # What was opened before we began to read waited for us, not for the feed.
        if (received_ms := opening_receipt_ms(alert)) is not None and alert.opened_ms >= self._since_ms:
            waited_ms = self._now_ms() - received_ms
            self._metrics.observe(m.FEED_LATENCY, value_s=waited_ms / 1000)
            if alert.life_safety and waited_ms > _LATE_MS:
                self._late_ms = self._now_ms()

    @property
    def is_late(self) -> bool:
        """Whether, in the last minute, an alert with life at risk came here more than two seconds after its signal."""
        return self._late_ms is not None and self._now_ms() - self._late_ms < _LATE_SHOWN_MS

    def project(self, alert: Alert, view: View) -> msgspec.Struct:
        """The row of ``alert`` in ``view``."""
        return full_row(alert, self._names) if view is View.FULL else project(alert, self._names)

    def find(self, alert_id: str, visibility: Visibility) -> Alert | None:
        """An alert of a class, open or closed lately, whole; None also for one that the class does not see."""
        shown = self._open.get(alert_id) or self._closed.get(alert_id)
        return shown.alert if shown is not None and visibility.sees(shown.sight) else None

    def current(self, alert_id: str) -> Alert | None:
        """An alert, open or closed lately, whoever may see it: for what is decided here, not for what is shown."""
        shown = self._open.get(alert_id) or self._closed.get(alert_id)
        return shown.alert if shown is not None else None

    def rows(self, visibility: Visibility) -> list[bytes]:
        """All rows of a class as JSON, in the order of :func:`cior_core.priority.order`."""
        seen = [shown for shown in self._open.values() if visibility.sees(shown.sight)]
        seen.sort(key=lambda shown: shown.order)
        return [shown.row(visibility.view) for shown in seen]

    def glances(self, visibility: Visibility) -> Iterator[Glance]:
        """All open alerts of a class, in no order."""
        return (shown.glance for shown in list(self._open.values()) if visibility.sees(shown.sight))

    def openings(self, visibility: Visibility, *, since_ms: int) -> Iterator[Opening]:
        """What was opened since then, of a class; closed since or not."""
        return (each for each in self._openings if each.at_ms >= since_ms and visibility.sees(each.sight))

    def since(self, last_event_id: str, visibility: Visibility) -> bytes | None:
        """What a class missed since the message with this id; None when only a snapshot tells."""
        epoch, _, number = last_event_id.partition("-")
        if epoch != self.epoch or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return None
        last = int(number)
        if last > self.seq or (last < self.seq and (not self._ring or self._ring[0].seq > last + 1)):
            return None
        return b"".join(change.told(visibility) for change in self._ring if change.seq > last)

    @property
    def is_settled(self) -> bool:
        """Whether every change so far is in the queues of those whom it concerns."""
        return not self._pending

    @property
    def id(self) -> str:
        """The id of what was sent last."""
        return f"{self.epoch}-{self.seq}"

    def watch(self, visibility: Visibility) -> Watcher:
        """Register a page; pass it to :meth:`leave` when it goes. It gets what changes from now on."""
        self._flush()
        watcher = Watcher(visibility, self._limit)
        self._classes.setdefault(visibility, set()).add(watcher)
        return watcher

    def doubt(self, agreement: str) -> None:
        """That agreement changed: whoever watches under it is asked whether they still may, at once."""
        for visibility, watchers in self._classes.items():
            if visibility.shared is not None and visibility.shared.agreement == agreement:
                for watcher in watchers:
                    watcher.begin_again()

    def leave(self, watcher: Watcher) -> None:
        """Forget a page; idempotent."""
        watchers = self._classes.get(watcher.visibility, set())
        watchers.discard(watcher)
        if not watchers:
            self._classes.pop(watcher.visibility, None)

    @property
    def watchers(self) -> int:
        """How many pages are open."""
        return sum(len(each) for each in self._classes.values())


def message(kind: str, data: bytes, event_id: str = "") -> bytes:
    """One event of a stream; ``data`` has no line break (JSON)."""
    head = b"id: %b\n" % event_id.encode() if event_id else b""
    return b"%bevent: %b\ndata: %b\n\n" % (head, kind.encode(), data)


def joined(rows: Iterable[bytes]) -> bytes:
    """Rows as a JSON list."""
    return b"[%b]" % b",".join(rows)
