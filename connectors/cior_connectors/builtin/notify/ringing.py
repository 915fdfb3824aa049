"""From a notice to whoever is on duty, and from their answers to the log.

Written down first, then tried; the last word (done, failed, expired) is a receipt that is written down before it is
said. Who cannot be reached costs nobody an answer: the deputies are told at once, then whoever the directory names
otherwise, and the room sees an alarm.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

import structlog

from cior_connectors.builtin.notify.book import Entry, NoticeBook, Recipient
from cior_connectors.builtin.notify.channels import Channel, Message, key_of
from cior_connectors.builtin.notify.delivery import EXPIRED, Line
from cior_connectors.builtin.notify.directory import Contacts, Directory, WatchedFile
from cior_connectors.builtin.notify.links import Links
from cior_connectors.builtin.notify.notice import Notice, sentences, words_of
from cior_connectors.contract import ActingContext
from cior_core import duty
from cior_core.duty import DutyPerson
from cior_core.errors import SourceUnavailable
from cior_core.model import Action, ActionKind, AlertId, Receipt, Struct

_LOG = structlog.get_logger(__name__)
_SAY_AGAIN_S = 2.0
NO_CONTACT, NOBODY_REACHED = "notify.no_contact", "notify.nobody_reached"
Pressing = Literal["done", "used", "unknown"]


class Files(Struct, frozen=True, kw_only=True):
    """What the city keeps: who is on duty, and how they are reached."""

    directory: Directory
    contacts: WatchedFile[Contacts]
    zone: ZoneInfo


class LinkSettings(Struct, frozen=True, kw_only=True):
    """How acknowledgement links are made. ``base`` empty: none are."""

    links: Links
    base: str
    valid_ms: int


class Ringer:
    """``run`` until cancelled, after which ``take`` and ``press`` are not called any more.

    ``alarm``: told of a team and a code when it cannot be told as it should; ``calm``: of a team that can again.
    """

    def __init__(
        self,
        book: NoticeBook,
        channels: Iterable[Channel],
        *,
        files: Files,
        links: LinkSettings,
        ctx: ActingContext,
        alarm: Callable[[str, str], None],
        calm: Callable[[str], None],
    ) -> None:
        self._book, self._files, self._links, self._ctx = book, files, links, ctx
        self._alarm, self._calm = alarm, calm
        self._lines = {each.name: Line(each, now_ms=ctx.now_ms, ended=self._ended) for each in channels}
        self._jobs: dict[str, tuple[str, Recipient]] = {}
        self._to_say: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()

    async def run(self) -> None:
        """Go on with what the last process left, then with what comes."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._speak())
            for line in self._lines.values():
                tasks.create_task(line.run())
            for entry in list(self._book.entries.values()):
                self._resume(entry)
            for name, pressed in self._book.pressed.items():
                if not pressed.decided:
                    self._to_say.put_nowait(partial(self._decide, name, pressed.action))

    def _resume(self, entry: Entry) -> None:
        if entry.answered:
            return
        if entry.receipt is not None:
            self._to_say.put_nowait(partial(self._answer, entry))
        elif entry.waiting:
            self._send(entry, entry.waiting)
        else:
            self._finish(entry)

    # --- from a command to messages ---

    def take(self, notice: Notice) -> Receipt:
        """Begin to tell; the answer to its command. A notice that is known is told once.

        Raises ``SourceUnavailable`` when it cannot be written down.
        """
        if notice.command_id in self._book.entries:
            return self._receipt(notice, "accepted")
        if notice.to_sender:
            return self._take_for_sender(notice)
        found = self._found(notice.team, notice)
        if duty.asked(notice.team)[1] and not found.people and not found.code:
            return self._receipt(notice, "done", "duty.no_deputy")
        self._judge(notice, found.code)
        if not (to := next(self._reachable(notice, known=()), [])):
            code = found.code or NO_CONTACT
            self._alarm(notice.team, code)
            return self._receipt(notice, "failed", code)
        self._book.take(notice, to, self._names_of_links(notice, to))
        self._send(self._book.entries[notice.command_id], to)
        return self._receipt(notice, "accepted")

    def _take_for_sender(self, notice: Notice) -> Receipt:
        """Whoever sent the call, or nobody: that a neighbour's phone is off is no fault of the centre."""
        if not (to := next(self._reachable(notice, known=()), [])):
            return self._receipt(notice, "failed", NO_CONTACT)
        self._book.take(notice, to, {})
        self._send(self._book.entries[notice.command_id], to)
        return self._receipt(notice, "accepted")

    def _judge(self, notice: Notice, code: str) -> None:
        if code:
            self._alarm(notice.team, code)
        else:
            self._calm(notice.team)

    def _found(self, team: str, notice: Notice) -> duty.Found:
        return duty.find(
            self._files.directory.now,
            team,
            self._ctx.now_ms(),
            zone=self._files.zone,
            sealed=notice.is_sealed,
        )

    def _groups(self, notice: Notice) -> Iterator[tuple[DutyPerson, ...]]:
        """Who is told, the next group only when nobody of the one before can be."""
        if notice.to_sender:
            yield (DutyPerson(id=notice.team, name=notice.team),)
            return
        found = self._found(notice.team, notice)
        yield found.people
        yield found.deputies
        book = self._files.directory.now
        team = book.of(found.team)
        for name in (team.otherwise if team is not None else "", book.otherwise):
            if name:
                yield self._found(name, notice).people

    def _reachable(self, notice: Notice, *, known: Iterable[str]) -> Iterator[list[Recipient]]:
        contacts, passed = self._files.contacts.now, set(known)
        for group in self._groups(notice):
            to = [
                Recipient(person=person.id, channel=channel, language=person.language)
                for person in group
                if person.id not in passed
                for channel in contacts.get(person.id, {})
                if channel in self._lines
            ]
            if to:
                yield to

    def _names_of_links(self, notice: Notice, to: Iterable[Recipient]) -> dict[str, str]:
        if not self._links.base or notice.reference:  # no alert: nothing to acknowledge
            return {}
        return {each.person: self._links.links.name(notice.command_id, each.person) for each in to}

    def _send(self, entry: Entry, to: Iterable[Recipient]) -> None:
        contacts = self._files.contacts.now
        for each in to:
            address, line = contacts.get(each.person, {}).get(each.channel), self._lines.get(each.channel)
            if address is None or line is None:  # taken out of the file meanwhile
                self._book.told(entry.notice.command_id, each, NO_CONTACT)
                continue
            message = self._message(entry, each, address)
            self._jobs[message.key] = (entry.notice.command_id, each)
            line.put(message)
        if not entry.waiting:
            self._finish(entry)

    def _message(self, entry: Entry, to: Recipient, address: str) -> Message:
        notice, link = entry.notice, self._link(entry, to.person)
        words = words_of(notice, language=to.language, link=link)
        return Message(
            key=key_of(notice.command_id, to.person, to.channel),
            address=address,
            rank=notice.level.rank,
            title=words.title,
            body=words.body,
            language=to.language,
            until_ms=notice.expires_ms,
            link=link,
            drill=notice.drill,
        )

    def _link(self, entry: Entry, person: str) -> str:
        name = entry.links.get(person)
        if name is None:
            return ""
        token = self._links.links.token(name, until_ms=entry.notice.issued_ms + self._links.valid_ms)
        return f"{self._links.base.rstrip('/')}/a/{token}"

    # --- from what became of them to a receipt ---

    async def _ended(self, message: Message, code: str) -> None:
        command_id, recipient = self._jobs.pop(message.key)
        self._book.told(command_id, recipient, code)
        entry = self._book.entries[command_id]
        if not entry.waiting:
            self._finish(entry)

    def _finish(self, entry: Entry) -> None:
        notice = entry.notice
        if not entry.reached and not notice.to_sender:
            if not entry.widened and self._ctx.now_ms() < notice.expires_ms and self._widen(entry):
                return
            self._alarm(notice.team, NOBODY_REACHED)
        self._book.end(self._last_word(entry))
        self._to_say.put_nowait(partial(self._answer, entry))

    def _widen(self, entry: Entry) -> bool:
        known = {person for person, _ in entry.to}
        to = next(self._reachable(entry.notice, known=known), None)
        if to is None:
            return False
        self._book.widen(entry.notice.command_id, to, self._names_of_links(entry.notice, to))
        self._send(entry, to)
        return True

    def _last_word(self, entry: Entry) -> Receipt:
        people = len({person for person, _ in entry.to})
        if entry.reached:
            return self._receipt(entry.notice, "done", f"{entry.reached}/{people}")
        codes = Counter(entry.results.values())
        worst = codes.most_common(1)[0][0] if codes else NO_CONTACT
        return self._receipt(entry.notice, "expired" if worst == EXPIRED else "failed", worst)

    def _receipt(
        self,
        notice: Notice,
        outcome: Literal["accepted", "done", "refused", "failed", "expired"],
        detail: str = "",
    ) -> Receipt:
        return Receipt(
            command_id=notice.command_id,
            device=notice.team,
            at_ms=self._ctx.now_ms(),
            outcome=outcome,
            detail=detail,
        )

    async def _answer(self, entry: Entry) -> None:
        if entry.receipt is not None:
            await self._ctx.answer(entry.receipt, area=entry.notice.area)
            self._book.answered(entry.notice.command_id)
            _LOG.info("notice_ended", command=entry.notice.command_id, outcome=entry.receipt.outcome)

    async def _speak(self) -> None:
        """Say one thing after the other, each until somebody keeps it."""
        while True:
            say = await self._to_say.get()
            while True:
                try:
                    await say()
                    break
                except SourceUnavailable as away:
                    _LOG.warning("notice_answer_postponed", code=away.code)
                    await asyncio.sleep(_SAY_AGAIN_S)

    # --- from a press on a link to a decision ---

    def asked_by(self, link: str) -> tuple[Notice, DutyPerson] | None:
        """The notice and the person of a link; None when it is not known, or the person is nobody of ours any more."""
        found = self._book.link(link)
        person = None if found is None else self._files.directory.now.who(found[1])
        return None if found is None or person is None else (found[0].notice, person)

    def used_ms(self, link: str) -> int | None:
        """When the link was used (UTC ms); None: not yet."""
        pressed = self._book.pressed.get(link)
        return None if pressed is None or not pressed.decided else pressed.action.at_ms

    async def press(self, link: str) -> Pressing:
        """Use a link, once. Raises ``SourceUnavailable``: pressed again it says the very same."""
        asked = self.asked_by(link)
        if asked is None:
            return "unknown"
        if self.used_ms(link) is not None:
            return "used"
        if link not in self._book.pressed:
            self._book.press(link, self._decision(link, *asked))
        await self._decide(link, self._book.pressed[link].action)
        return "done"

    async def _decide(self, link: str, action: Action) -> None:
        await self._ctx.decide(action)
        self._book.decided(link)

    def _decision(self, link: str, notice: Notice, person: DutyPerson) -> Action:
        code = "task_taken" if notice.is_task else "acknowledged_reason"
        asks = notice.asks_en if person.language == "en" else notice.asks_es
        said = sentences().text(code, {"asks": asks} if notice.is_task else {})
        return Action(
            id=f"notify:{link}",
            kind=ActionKind.NOTE if notice.is_task else ActionKind.ACKNOWLEDGE,
            actor=person.account or person.id,
            at_ms=self._ctx.now_ms(),
            area=notice.area,
            alert_id=AlertId(notice.alert_id),
            reason=getattr(said, person.language),
        )
