"""Views of footage: who looks at which camera, since when and what for. A view is in the ledger before its first byte;
while it lasts, again each ten minutes; and when it ends, with what was sent of it (laws 9 and 13).

A view belongs to the session and the role that opened it. It ends when it is closed, when nothing of it is asked for
some seconds, when its row cannot be written, and with the console.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from cior_bus.metrics import Metrics
from cior_console import metrics as m
from cior_console.authorising import Ledger, nothing_more
from cior_console.conversions import Conversions
from cior_console.problems import Refused
from cior_console.ring_files import Clip, Rings
from cior_console.ring_live import LiveCamera
from cior_core.errors import SourceUnavailable
from cior_core.hls import Piece
from cior_core.model import Struct
from cior_core.people import LedgerEntry
from cior_core.picture_masks import Masks

log = structlog.get_logger("cior.console.footage")
POLL_S: Final = 0.2
UNASKED_S: Final = 20.0
"""A page asks each second or two: who asks nothing for so long is gone."""
TOLD_EVERY_S: Final = 600.0
SHOWN: Final = "shown"
CONVERTED: Final = "converted"
"""What the rows of a view say of one that shows a conversion."""
_SWEEP_S: Final = 2.0


Write = Callable[[LedgerEntry], Awaitable[None]]


class ViewLimits(Struct, frozen=True, kw_only=True):
    """So that no page can keep the recorder's disk busy: views open at once, of a session and of all; openings of a
    session in a minute; cameras that are followed live.
    """

    of_session: int = 6
    of_all: int = 400
    openings: int = 40
    cameras: int = 64


class View:
    """One view. ``said``: the row of its beginning, from which the others follow. ``clip`` None: it is live. ``masks``:
    what the page covers; None: not known here. ``blank``: what of it no picture could be decoded of, by its beginning.
    """

    masks: Masks | None = None

    def __init__(self, said: LedgerEntry, ring: Path, clip: Clip | None, now_s: float) -> None:
        self.id, self.said, self.ring, self.clip = secrets.token_urlsafe(24), said, ring, clip
        self.asked_s = self.told_s = now_s
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self.blank: dict[int, int] = {}

    @property
    def is_converted(self) -> bool:
        """Whether what is shown is a conversion; its rows say so."""
        return self.said.detail.get(SHOWN) == CONVERTED

    @property
    def camera(self) -> str:
        """Whose pictures."""
        return self.said.subject

    def sent(self, piece: Piece) -> None:
        """These pictures left."""
        self.first_ms = piece.start_ms if self.first_ms is None else min(self.first_ms, piece.start_ms)
        self.last_ms = piece.end_ms if self.last_ms is None else max(self.last_ms, piece.end_ms)

    def row(self, act: str, at_ms: int, **more: str | int) -> LedgerEntry:
        """A later row of it: what was sent so far."""
        sent = {"sent_from_ms": self.first_ms, "sent_to_ms": self.last_ms}
        known = {name: value for name, value in sent.items() if value is not None}
        said = self.said
        return LedgerEntry(
            at_ms=at_ms, actor=said.actor, act=act, subject=said.subject, role=said.role, session=said.session,
            purpose=said.purpose, outcome=said.outcome, rule=said.rule, reason=said.reason,
            detail={**said.detail, **known, **more},
        )  # fmt: skip


class _Followed:
    """A camera that somebody watches, and the task that follows it."""

    def __init__(self, live: LiveCamera) -> None:
        self.live = live
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.to_thread(self.live.advance)
            await asyncio.sleep(POLL_S)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        await asyncio.to_thread(self.live.close)


class Views:
    """All views of this console. ``ledger`` None: nobody signs in here, and nobody looks."""

    def __init__(
        self,
        rings: Rings,
        *,
        ledger: Ledger | None,
        now_ms: Callable[[], int],
        metrics: Metrics,
        limits: ViewLimits | None = None,
        conversions: Conversions | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rings, self.now_ms = rings, now_ms
        self.conversions = conversions or Conversions(None, metrics=metrics)
        self._ledger, self._metrics, self._limits = ledger, metrics, limits or ViewLimits()
        self._monotonic_s = monotonic_s
        self._views: dict[str, View] = {}
        self._followed: dict[str, _Followed] = {}
        self._openings: dict[str, deque[float]] = {}
        self._unwritten: list[LedgerEntry] = []
        self._sweeping: asyncio.Task[None] | None = None

    def admit(self, session: str, camera: str | None) -> None:
        """One more of ``session``, live of ``camera``. Raises ``Refused`` (``footage.too_many``)."""
        now_s, limits = self._monotonic_s(), self._limits
        lately = self._openings.setdefault(session, deque())
        while lately and now_s - lately[0] > 60:
            lately.popleft()
        mine = sum(each.said.session == session for each in self._views.values())
        is_full = mine >= limits.of_session or len(self._views) >= limits.of_all
        is_new = camera is not None and camera not in self._followed
        if len(lately) >= limits.openings or is_full or (is_new and len(self._followed) >= limits.cameras):
            self._metrics.add(m.REFUSED, "footage")
            raise Refused("footage.too_many", retry_after_s=5)
        lately.append(now_s)

    async def can_convert(self) -> None:
        """Before a view that shows a conversion. Raises ``Refused`` (``footage.not_converted``,
        ``footage.no_converter``, ``footage.converting``).
        """
        await self.conversions.ready()
        self._keep_sweeping()

    def begin(self, said: LedgerEntry, ring: Path, clip: Clip | None) -> View:
        """A view that was admitted and whose row stands."""
        view = View(said, ring, clip, self._monotonic_s())
        if clip is None and view.camera not in self._followed:
            live = LiveCamera(ring, view.camera, now_ms=self.now_ms, monotonic_s=self._monotonic_s)
            self._followed[view.camera] = _Followed(live)
        self._views[view.id] = view
        self._metrics.set(m.VIEWS, value=len(self._views))
        self._keep_sweeping()
        return view

    def _keep_sweeping(self) -> None:
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())

    def find(self, view_id: str, session: str, role: str) -> View:
        """The view, if it is of this session in this role. Raises ``Refused`` (``footage.no_view``)."""
        view = self._views.get(view_id)
        if view is None or view.said.session != session or view.said.role != role:
            raise Refused("footage.no_view")
        view.asked_s = self._monotonic_s()
        return view

    def live(self, view: View) -> LiveCamera:
        """The camera of a live view."""
        return self._followed[view.camera].live

    async def end(self, view: View, *, write: Write | None = None) -> None:
        """It is over, and the row says what was sent of it. ``write``: by whom that is written; it raises
        ``SourceUnavailable`` while the register is away, and then the row waits for it here.
        """
        if self._views.pop(view.id, None) is None:
            return
        self._metrics.set(m.VIEWS, value=len(self._views))
        said = view.row("footage.end", self.now_ms())
        if view.clip is None and not any(
            each.clip is None and each.camera == view.camera for each in self._views.values()
        ):
            await self._followed.pop(view.camera).end()
        if view.is_converted and not self._has_converted:
            await self.conversions.rest()
        try:
            await (write or self._act)(said)
        except SourceUnavailable:
            self._unwritten.append(said)
            if write is not None:
                raise

    async def end_under(self, agreement: str) -> None:
        """An agreement is over: so is every view under it."""
        for view in [each for each in self._views.values() if each.said.detail.get("agreement") == agreement]:
            await self.end(view)

    async def close(self) -> None:
        """The console ends."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        for view in list(self._views.values()):
            await self.end(view)
        await self.conversions.rest()

    @property
    def _has_converted(self) -> bool:
        return any(each.is_converted for each in self._views.values())

    @property
    def counts(self) -> Mapping[str, int]:
        """Views by camera."""
        return Counter(each.camera for each in self._views.values())

    # --- while they last ----------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while self._views or self._unwritten or self.conversions.unused_s is not None:
            await asyncio.sleep(_SWEEP_S)
            now_s = self._monotonic_s()
            for view in list(self._views.values()):
                if now_s - view.asked_s > UNASKED_S or not await self._told(view, now_s):
                    await self.end(view)
            await self._write()
            if not self._has_converted and (self.conversions.unused_s or 0.0) > UNASKED_S:
                await self.conversions.rest()  # its view never began
            for session in [each for each, times in self._openings.items() if now_s - times[-1] > 60]:
                del self._openings[session]

    async def _told(self, view: View, now_s: float) -> bool:
        """Whether it may go on: each ten minutes that is one more row."""
        if now_s - view.told_s < TOLD_EVERY_S:
            return True
        view.told_s = now_s
        try:
            await self._act(view.row("footage.watch", self.now_ms()))
        except SourceUnavailable:
            self._metrics.add(m.UNRECORDED, "footage.watch")
            return False
        return True

    async def _write(self) -> None:
        """Rows of what ended; those that the register did not take wait for it."""
        while self._unwritten:
            entry = self._unwritten[0]
            with suppress(SourceUnavailable):
                await self._act(entry)
                self._unwritten.remove(entry)
                continue
            return

    async def _act(self, entry: LedgerEntry) -> None:
        if self._ledger is None:
            raise SourceUnavailable("register.away", "this console has no register")
        await self._ledger.act(entry, nothing_more)
