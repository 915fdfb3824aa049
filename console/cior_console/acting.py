"""People's acts: checked, written down, signed, sent, and answered with what became of them (laws 10 and 13).

Order: what the privacy table and ``acts`` say; who was first, as far as the live feed knows; one transaction with the
ledger row and the signed action; then the bus; then the answer, with the outcome when it comes back in time. The same
``Idempotency-Key`` again is the same act: it is answered, not done again.

While the register is away only one thing goes on: taking an alert with life at risk, written to the journal.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from aiohttp import web

from cior_bus.metrics import Metrics
from cior_console import metrics as m
from cior_console.acts import act_id, action_of, refuse_unfit
from cior_console.authorising import DEED, Deed, Work, nothing_more
from cior_console.discretion import DiscreetSigner
from cior_console.endpoints import CALLER
from cior_console.outcomes import Outcome, Outcomes
from cior_console.problems import Refused
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.discreet_acts import withheld
from cior_core.errors import CiorError, PayloadRejected, SourceUnavailable
from cior_core.model import Action, ActionKind, Alert, AlertStatus
from cior_core.people import LedgerEntry
from cior_register import acts as kept
from cior_register.acts import TakenAct

log = structlog.get_logger("cior.console")

KEY = "Idempotency-Key"
PREFER = "Prefer"
_KEY = re.compile(r"[A-Za-z0-9_-]{8,80}")
_WAIT = re.compile(r"wait=(\d{1,2})")
_WAIT_S, _LONGEST_WAIT_S = 1.0, 10.0
_RETRY_S = 1.0
_RECENT = 10_000
T = TypeVar("T")


class ActRegister(Protocol):
    """The register, as far as acts need it."""

    async def act(self, entry: LedgerEntry, work: Work[T], /) -> T:
        """One transaction."""
        ...

    async def read(self, query: Work[T], /) -> T:
        """A question."""
        ...

    async def note_even_away(self, entry: LedgerEntry, /) -> bool:
        """Into the ledger, else into the journal; whether it is in the ledger."""
        ...

    def keep(self, work: Work[None], /) -> None:
        """Bookkeeping, some time."""
        ...


class First(msgspec.Struct, frozen=True, kw_only=True):
    """Who acted last before, as the alert says it: the id of a person."""

    who: str
    status: str
    version: int
    at_ms: int | None = None


class ActAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``state``: ``applied`` (the centre did it), ``sent`` (on its way: the feed will tell), ``kept`` (the bus is away:
    it is sent when that is back). ``recorded``: ``ledger``, or ``journal`` while the register is away.
    """

    act: str
    state: str
    recorded: str
    alert_id: str | None = None
    version: int | None = None


class ActPart(msgspec.Struct, frozen=True, kw_only=True):
    """One of several acts of one request: ``name`` tells them apart, ``given`` is what is asked."""

    name: str
    given: Any
    alert: Alert | None = None


def part_key(key: str, name: str) -> str:
    """The key of one of several acts under one Idempotency-Key, which holds no slash itself."""
    return f"{key}/{name}"


class _Known(msgspec.Struct, frozen=True):
    digest: str
    action: Action
    recorded: str
    outcome: Outcome | None = None


class ActBook:
    """Takes acts. ``run`` sends what could not be sent; ``publish`` raises ``SourceUnavailable`` when it cannot.

    ``current``: an alert as the live feed has it now.
    """

    def __init__(
        self,
        register: ActRegister,
        signer: DiscreetSigner,
        publish: Callable[[Action], Awaitable[None]],
        outcomes: Outcomes,
        *,
        current: Callable[[str], Alert | None],
        now_ms: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._register, self._signer, self._publish = register, signer, publish
        self._outcomes, self._current = outcomes, current
        self._now_ms, self._metrics = now_ms, metrics
        self._recent: OrderedDict[str, _Known] = OrderedDict()
        self._unsent: dict[str, Action] = {}
        self._sending: dict[str, asyncio.Task[bool]] = {}

    async def take(
        self,
        request: web.Request,
        given: Any,
        kind: ActionKind,
        alert: Alert | None = None,
        *,
        also: Work[None] = nothing_more,
    ) -> web.Response:
        """Do what a request asks, once; ``also`` is done in the register, in the same transaction.

        Raises ``Refused``; ``SourceUnavailable`` when nothing was done.
        """
        known = await self._taken(request, given, kind, alert, key=key_of(request), also=also)
        told = await self._answer(known, alert, wait_s=_wait_s(request))
        status = 200 if told.state == "applied" else 202
        return web.Response(status=status, body=msgspec.json.encode(told), content_type="application/json")

    async def take_each(
        self, request: web.Request, kind: ActionKind, parts: Iterable[ActPart]
    ) -> list[ActAnswer | Refused]:
        """Several acts of one request, each signed, in the ledger and refused by itself; what became of each, in order.

        Raises ``SourceUnavailable`` when not all could be written down: the same request again does none twice.
        """
        key, wait_s = key_of(request), _wait_s(request)

        async def one(part: ActPart) -> ActAnswer | Refused:
            name = part_key(key, part.name)
            try:
                known = await self._taken(request, part.given, kind, part.alert, key=name)
                return await self._answer(known, part.alert, wait_s=wait_s)
            except Refused as why:
                return why

        return list(await asyncio.gather(*(one(each) for each in parts)))

    async def _taken(
        self,
        request: web.Request,
        given: Any,
        kind: ActionKind,
        alert: Alert | None,
        *,
        key: str,
        also: Work[None] = nothing_more,
    ) -> _Known:
        """The act as it stands written down, now or before. Raises as :meth:`take`."""
        caller, deed = request[CALLER], request[DEED]
        given, told = self._hushed(deed, given, None if alert is None else alert.id)
        act, digest = act_id(caller.person.id, key), _digest(kind, told, alert)
        known = await self._known(act)
        if known is None:
            refuse_unfit(kind, given, caller, alert)
            _refuse_later(kind, alert)
            asked = action_of(given, kind=kind, act=act, caller=caller, at_ms=self._now_ms(), alert=alert)
            known = await self._record(deed, _Known(digest, self._sign(asked), "ledger"), alert, also)
        deed.is_written = True
        if known.digest != digest:
            raise Refused("request.key_reused")
        return known

    def hush(self, request: web.Request, given: Any) -> None:
        """What a request says of something silent stands in no row of the ledger (law 17), done or refused."""
        named = (request.match_info.get("alert_id"), *getattr(given, "alert_ids", ()))
        self._hushed(request[DEED], given, *named)

    def tellable(self, words: str, alert_ids: Iterable[str]) -> str:
        """What of a person's words about these alerts may be kept: none where one is the response team's alone."""
        return withheld(words) if self._signer.is_silent(*alert_ids) else words

    def _hushed(self, deed: Deed, given: Any, *named: str | None) -> tuple[Any, Any]:
        """What is asked, and by what it is known again: of something silent without the words, and without place."""
        named = (*named, *getattr(given, "target_ids", ()))
        if not self._signer.is_silent(*named, kind=getattr(given, "type", None)):
            return given, given
        deed.reason = withheld(deed.reason)
        asked = _without(given, reason=withheld(getattr(given, "reason", "")))
        return asked, _without(asked, text="", place=None)

    def _sign(self, action: Action) -> Action:
        return self._signer.sign(action, at_ms=action.at_ms)

    async def _known(self, act: str) -> _Known | None:
        if act in self._recent:
            return self._recent[act]
        try:
            found = await self._register.read(lambda connection: kept.find(connection, act))
        except SourceUnavailable:
            return None  # what may go on then is decided where it is recorded
        return None if found is None else self._remember(_Known(found.digest, _read(found), "ledger"))

    def _remember(self, known: _Known) -> _Known:
        self._recent[known.action.id] = known
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return known

    async def _record(self, deed: Deed, new: _Known, alert: Alert | None, also: Work[None]) -> _Known:
        """Into the ledger with the action; of life at risk into the journal when the register is away."""
        action = new.action
        entry = deed.entry(
            id=action.id,
            act=f"alert.{action.kind.value}",
            subject=deed.subject if alert is None else alert.id,
            reason=action.reason,
            detail=_detail(action),
        )
        body = TakenAct(action.id, new.digest, codec.encode(action), action.at_ms)

        def work(connection: Any) -> None:
            kept.take(connection, body)
            also(connection)

        try:
            await deed.write(work, entry=entry)
        except PayloadRejected:  # perhaps the same key, at the same moment, from another tab
            found = await self._known(action.id)
            if found is None:
                raise
            return found
        except SourceUnavailable:
            if not _goes_on(action, alert):
                raise
            in_ledger = await self._register.note_even_away(entry)
            new = msgspec.structs.replace(new, recorded="ledger" if in_ledger else "journal")
            self._metrics.add(m.JOURNALED)
        self._unsent[action.id] = action
        return self._remember(new)

    async def _answer(self, known: _Known, alert: Alert | None, *, wait_s: float) -> ActAnswer:
        outcome = known.outcome or _applied(known.action, alert)
        if outcome is None:
            waiting = self._outcomes.expect(known.action)
            try:
                if not await self._send(known.action):
                    return _said(known, "kept")
                outcome = await asyncio.wait_for(asyncio.shield(waiting), wait_s)
            except TimeoutError:
                return _said(known, "sent")
            finally:
                self._outcomes.forget(known.action)
            self._remember(msgspec.structs.replace(known, outcome=outcome))
        if outcome.refused:
            now = None if alert is None else self._current(alert.id) or alert
            raise Refused("act.refused", why_es=outcome.es, why_en=outcome.en, first=_first(now))
        return _said(known, "applied", outcome)

    async def _send(self, action: Action) -> bool:
        """Whether the bus has it, now or before. Whoever asks meanwhile waits for the same sending: told twice, the act
        would count for a replay, and somebody would be alarmed for nothing (law 13)."""
        if action.id not in self._unsent:
            return True
        sending = self._sending.get(action.id)
        if sending is None:
            sending = self._sending[action.id] = asyncio.create_task(self._sent(action))
            sending.add_done_callback(lambda _: self._sending.pop(action.id, None))
        return await asyncio.shield(sending)

    async def _sent(self, action: Action) -> bool:
        try:
            await self._publish(action)
        except SourceUnavailable as error:
            log.warning("act_not_sent", code=error.code)
            return False
        self._unsent.pop(action.id, None)
        now_ms = self._now_ms()
        try:
            self._register.keep(lambda connection: kept.note_sent(connection, action.id, at_ms=now_ms))
        except SourceUnavailable as error:  # then it is told again after a restart, and core knows it
            log.warning("act_sent_not_noted", code=error.code)
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``: send what was taken and not sent, by this console or the one before it."""
        is_loaded = False
        while not stop.is_set():
            try:
                is_loaded = is_loaded or await self._load()
                for action in list(self._unsent.values()):
                    if not await self._send(action):
                        break
            except CiorError as error:
                log.warning("acts_not_sent", code=error.code)
            try:
                await asyncio.wait_for(stop.wait(), _RETRY_S)
            except TimeoutError:
                continue

    async def _load(self) -> bool:
        try:
            found = await self._register.read(kept.unsent)
        except SourceUnavailable:
            return False
        for each in found:
            self._unsent.setdefault(each.id, _read(each))
        return True


BOOK = web.AppKey("book", ActBook)


def key_of(request: web.Request) -> str:
    """The Idempotency-Key of a request. Raises ``Refused``."""
    key = request.headers.get(KEY, "")
    if not _KEY.fullmatch(key):
        raise Refused("request.key_missing")
    return key


def _wait_s(request: web.Request) -> float:
    """How long the client would wait for the outcome (RFC 7240 §4.3); a second by itself."""
    said = _WAIT.search(request.headers.get(PREFER, ""))
    return _WAIT_S if said is None else min(_LONGEST_WAIT_S, float(said.group(1)))


def _digest(kind: ActionKind, given: Any, alert: Alert | None) -> str:
    """Of what was asked; not of what the alert was like then."""
    asked = [kind.value, alert.id if alert is not None else "", msgspec.to_builtins(given)]
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()


def _without(given: Any, **instead: Any) -> Any:
    """``given`` with ``instead`` in those of its fields that it has."""
    return msgspec.structs.replace(
        given, **{name: value for name, value in instead.items() if hasattr(given, name)}
    )


def _refuse_later(kind: ActionKind, alert: Alert | None) -> None:
    """Raises ``Refused`` when the feed knows that somebody took it already."""
    if alert is None or kind is not ActionKind.ACKNOWLEDGE or alert.status is AlertStatus.OPEN:
        return
    first = _first(alert)
    who = first.who if first is not None and first.who else "—"
    raise Refused("act.conflict", who=who, state=alert.status.value, first=first)


def _first(alert: Alert | None) -> First | None:
    if alert is None:
        return None
    last = max(alert.deeds, key=lambda deed: deed.version, default=None)
    return First(
        who=last.by if last is not None else alert.assignee or "",
        status=alert.status.value,
        version=last.version if last is not None else alert.version,
        at_ms=last.at_ms if last is not None else alert.acknowledged_ms,
    )


def _applied(action: Action, alert: Alert | None) -> Outcome | None:
    if alert is None or action.id not in alert.applied:
        return None
    return Outcome(alert_id=alert.id, version=alert.version)


def _goes_on(action: Action, alert: Alert | None) -> bool:
    return action.kind is ActionKind.ACKNOWLEDGE and alert is not None and alert.life_safety


def _detail(action: Action) -> dict[str, str | int]:
    """Facts of the act, for the ledger: ids and codes, no place and no text."""
    facts = {
        "disposition": action.disposition,
        "targets": " ".join(action.target_ids),
        "until_ms": action.until_ms,
        "posture": action.posture,
        "silence": action.silence,
        "scope": _scope(action),
        "line": action.line,
    }
    return {name: value for name, value in facts.items() if value}


def _scope(action: Action) -> str:
    """What is to be silent: names of things and types, no place and nobody's."""
    scope = action.scope
    return "" if scope is None else " ".join((*scope.devices, *scope.blocks, *scope.types, *scope.districts))


def _read(found: TakenAct) -> Action:
    action = codec.decode(Kind.ACTION, found.action)
    assert isinstance(action, Action)
    return action


def _said(known: _Known, state: str, outcome: Outcome | None = None) -> ActAnswer:
    return ActAnswer(
        act=known.action.id,
        state=state,
        recorded=known.recorded,
        alert_id=(outcome.alert_id if outcome else None) or known.action.alert_id,
        version=outcome.version if outcome else None,
    )
