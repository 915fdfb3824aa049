"""From the door to a session: password or passkey first, a second factor where the role wants one, then the session.

A sign-in that is half done is a *ticket*: a name that nobody guesses, good for five minutes and for its next step only.
What is refused is refused with one sentence, whether the name, the password or the account was wrong; what was counted
against the browser is taken back only when all of it was right.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from cior_console.problems import Refused
from cior_console.sign_in import cookies, one_time_codes
from cior_console.sign_in.answers import State
from cior_console.sign_in.book import Book, Visitor, first_role
from cior_console.sign_in.cookies import KnownBrowsers
from cior_console.sign_in.duties import needs_second_factor
from cior_console.sign_in.kept_lockout import KeptLockout
from cior_console.sign_in.live_sessions import Found, LiveSessions, SessionLimits
from cior_console.sign_in.lockout import Attempt
from cior_console.sign_in.passkeys import Passkey, Passkeys, named
from cior_console.sign_in.passwords import Passwords, Verdict, weakness
from cior_console.sign_in.tickets import Tickets
from cior_core.errors import AccessDenied, CapacityExhausted, CredentialsRefused, PayloadRejected
from cior_core.model import Struct
from cior_core.people import LedgerEntry, Person, Session, SessionKind
from cior_core.privacy import Role
from cior_register import factors, people, provider_sessions, recovery, sessions
from cior_register.factors import SecretBox
from cior_register.provider_sessions import AtProvider
from cior_register.register import Register

_CODE_TRIES: Final = 5
_WHOLE: Final = frozenset({"passkey", "mfa"})
"""Two factors by themselves: a passkey with its PIN or finger, what the city's provider says of itself."""


class Half(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in on its way: whose, what is proven, what was counted against the browser meanwhile, and the one ``step``
    that it may take next: who lacks a second factor may make one, who has one must show it. ``there``: the session at
    the city's provider that it comes from.
    """

    person_id: str
    proven: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    role: Role | None = None
    step: str = ""
    tries: int = 0
    there: AtProvider | None = None


class Ready(Struct, frozen=True):
    """Everything was right. ``token`` is for the browser alone."""

    token: str
    found: Found


class More(Struct, frozen=True):
    """What is wanted next (``answers.Step``)."""

    state: State
    methods: tuple[str, ...]
    ticket: str


class Means(Struct, frozen=True, kw_only=True):
    """What sign-in works with. ``box`` seals second factors, ``now_s`` is a clock that never goes back."""

    register: Register
    passwords: Passwords
    passkeys: Passkeys
    box: SecretBox
    guarded: frozenset[Role]
    centre: str
    now_ms: Callable[[], int]
    now_s: Callable[[], float]


class SignIn:
    """The door. Raises ``Refused`` with what to say, ``SourceUnavailable`` while the register is away."""

    def __init__(self, means: Means, key: bytes, limits: SessionLimits) -> None:
        self.means, self.limits = means, limits
        self.book = Book(key, means.now_ms)
        self.browsers = KnownBrowsers(key)
        self.lockout = KeptLockout(means.register, self.book.digest, now_ms=self._now_ms, now_s=self._now_s)
        self.halves: Tickets[Half] = Tickets(now_ms=means.now_ms)
        self.challenges: Tickets[tuple[bytes, Half | None]] = Tickets(now_ms=means.now_ms)
        self.live = LiveSessions(self._read, self._end, now_ms=means.now_ms, limits=limits)

    def _now_ms(self) -> int:
        return self.means.now_ms()

    def _now_s(self) -> float:
        return self.means.now_s()

    # Passwords

    async def password(self, visitor: Visitor, login: str, password: str, role: Role | None) -> Ready | More:
        """Name and password."""
        known = await self._credentials(login)
        account = known.person.id if known is not None else self.book.digest(login)
        attempt = self.attempt(visitor, account)
        await self.lockout.may_try(attempt)
        try:
            verdict = await self.checked(password, None if known is None else known.password_hash)
        except Refused:
            self.lockout.spared(attempt)
            raise
        if known is None or not verdict.is_right:
            raise await self.wrong("sign_in.wrong", attempt, visitor)
        if known.person.disabled or not known.person.grants:
            raise await self.wrong("sign_in.wrong", attempt, visitor, why="disabled")
        if verdict.fresh is not None:
            await self._keep_fresh(known.person, verdict.fresh, visitor)
        half = Half(person_id=known.person.id, proven=("password",), attempts=(attempt,), role=role)
        return await self.further(half, visitor)

    async def new_password(self, visitor: Visitor, ticket: str, password: str) -> Ready | More:
        """One of one's own, after the one that was made for the first sign-in."""
        half = self.at_step(ticket, "new_password")
        person = await self.person(half.person_id)
        self.refuse_weak(person, password)
        known = await self.means.register.read(lambda c: people.credentials_of(c, person.id))
        if known is None or (await self.checked(password, known.password_hash)).is_right:
            raise Refused("sign_in.password_same")
        made = await self.made(password)
        now_ms = self.means.now_ms()
        entry = self.book.of_person("password.changed", person.id, visitor)
        await self.means.register.act(
            entry, lambda c: people.set_password(c, person.id, made, now_ms=now_ms, must_change=False)
        )
        self.halves.take(ticket)
        return await self.further(half, visitor)

    async def checked(self, password: str, stored: str | None) -> Verdict:
        """Raises ``Refused`` (``sign_in.busy``)."""
        try:
            return await self.means.passwords.check(password, stored)
        except CapacityExhausted as error:
            raise Refused("sign_in.busy", retry_after_s=2) from error

    async def made(self, password: str) -> str:
        """Raises ``Refused`` (``sign_in.busy``)."""
        try:
            return await self.means.passwords.make(password)
        except CapacityExhausted as error:
            raise Refused("sign_in.busy", retry_after_s=2) from error

    async def _credentials(self, login: str) -> people.Credentials | None:
        try:
            name = people.login_of(login)
        except PayloadRejected:
            return None
        return await self.means.register.read(lambda c: people.credentials(c, name))

    async def _keep_fresh(self, person: Person, made: str, visitor: Visitor) -> None:
        now_ms = self.means.now_ms()
        entry = self.book.of_person("password.hashed_anew", person.id, visitor)
        await self.means.register.act(
            entry,
            lambda c: people.set_password(c, person.id, made, now_ms=now_ms, must_change=person.must_change),
        )

    def refuse_weak(self, person: Person, password: str) -> None:
        """Raises ``Refused`` for what may not become a password."""
        code = weakness(password, login=person.login, name=person.name)
        if code is not None:
            raise Refused(code)

    # Second factors

    async def code(self, visitor: Visitor, ticket: str, code: str) -> Ready | More:
        """Six digits of a telephone."""
        return await self._typed(visitor, ticket, "totp", lambda who, entry: self.take_code(who, code, entry))

    async def recovery(self, visitor: Visitor, ticket: str, code: str) -> Ready | More:
        """One of the codes for the day the telephone is lost."""
        return await self._typed(
            visitor, ticket, "recovery", lambda who, entry: self._take_recovery(who, code, entry)
        )

    async def _typed(
        self, visitor: Visitor, ticket: str, method: str, take: Callable[[str, LedgerEntry], Awaitable[None]]
    ) -> Ready | More:
        half = self.at_step(ticket, "second_factor")
        attempt = self.attempt(visitor, f"{half.person_id}/code")
        await self.lockout.may_try(attempt)
        self.halves.change(ticket, msgspec.structs.replace(half, tries=half.tries + 1))
        act = "sign_in.code" if method == "totp" else f"sign_in.{method}"
        try:
            await take(half.person_id, self.book.of_person(act, half.person_id, visitor))
        except AccessDenied as error:
            self.lockout.keep()
            if half.tries + 1 >= _CODE_TRIES:
                self.halves.take(ticket)
            raise Refused("sign_in.code_wrong") from error
        self.halves.take(ticket)
        done = msgspec.structs.replace(
            half, proven=(*half.proven, method), attempts=(*half.attempts, attempt), tries=0
        )
        return await self.further(done, visitor)

    async def take_code(self, person_id: str, code: str, entry: LedgerEntry) -> None:
        """Use a code up, with its row. Raises ``AccessDenied`` (``sign_in.code``), which is in the ledger then."""
        kept = await self.means.register.read(lambda c: factors.totp(c, person_id))
        now_ms = self.means.now_ms()
        step = None
        if kept is not None and kept.is_confirmed:
            secret = self.means.box.opened(person_id, kept.secret).decode()
            step = one_time_codes.accepted_step(secret, code, now_ms=now_ms, last_step=kept.last_step)

        def use_up(connection: Any) -> None:
            if step is None or not factors.take_step(connection, person_id, step, now_ms=now_ms):
                raise AccessDenied("sign_in.code", "this code is wrong, or was used")

        await self.means.register.act(entry, use_up)

    async def _take_recovery(self, person_id: str, code: str, entry: LedgerEntry) -> None:
        now_ms = self.means.now_ms()

        def use_up(connection: Any) -> None:
            if not recovery.use(connection, person_id, code, now_ms=now_ms):
                raise AccessDenied("sign_in.code", "this code is wrong, or was used")

        await self.means.register.act(entry, use_up)

    async def passkey_asked(self, ticket: str) -> tuple[str, dict[str, Any]]:
        """What to ask a passkey: the one of a half sign-in, or anybody's."""
        half = self.at_step(ticket, "second_factor") if ticket else None
        held = await self.passkeys_of(half.person_id) if half is not None else ()
        asked = self.means.passkeys.asking([each.credential_id for each in held])
        return self.challenges.give((asked.expected, half)), asked.options

    async def passkey(
        self, visitor: Visitor, ticket: str, answer: dict[str, Any], role: Role | None
    ) -> Ready | More:
        """A passkey's answer."""
        expected, half = self.challenges.take(ticket) or (None, None)
        if expected is None:
            raise Refused("sign_in.ticket")
        attempts = half.attempts if half is not None else ()
        key = await self._proven_key(visitor, expected, answer, half.person_id if half is not None else "")
        proven = (*(half.proven if half is not None else ()), "passkey")
        chosen = half.role if half is not None else role
        there = half.there if half is not None else None
        done = Half(person_id=key.person_id, proven=proven, attempts=attempts, role=chosen, there=there)
        return await self.further(done, visitor)

    async def _proven_key(
        self, visitor: Visitor, expected: bytes, answer: dict[str, Any], person_id: str
    ) -> factors.Passkey:
        key = await self.key_named(answer)
        is_theirs = key is not None and person_id in ("", key.person_id)
        uses = self.uses_of(key, expected, answer) if key is not None and is_theirs else None
        whose = key.person_id if key is not None else "unknown-passkey"
        if uses is None:
            # Nothing is guessed here, but what does not hold is a row of the ledger: its peer is counted, and nobody
            # whose answer holds ever waits.
            await self.lockout.may_try(Attempt(visitor.peer, whose, is_nobodys=True))
        if key is None or not is_theirs:
            raise await self.wrong("sign_in.passkey", self.attempt(visitor, whose), visitor)
        try:
            await self.use_key(key, uses, self.book.of_person("sign_in.passkey", key.person_id, visitor))
        except AccessDenied as error:
            self.lockout.keep()
            raise Refused("sign_in.passkey") from error
        return key

    def uses_of(self, key: factors.Passkey, expected: bytes, answer: dict[str, Any]) -> int | None:
        """The counter of an answer that holds against the key; None for one that does not."""
        try:
            return self.means.passkeys.shown(
                answer, expected, Passkey(key.credential_id, key.public_key, key.counter)
            )
        except CredentialsRefused:
            return None

    async def use_key(self, key: factors.Passkey, uses: int | None, entry: LedgerEntry) -> None:
        """Keep the counter of its answer (:meth:`uses_of`), with its row. Raises ``AccessDenied``
        (``sign_in.passkey``), which is in the ledger then.
        """

        def use_up(connection: Any) -> None:
            if uses is None or not factors.use_passkey(connection, key.credential_id, uses):
                raise AccessDenied("sign_in.passkey", "this passkey's answer does not hold")

        await self.means.register.act(entry, use_up)

    async def key_named(self, answer: dict[str, Any]) -> factors.Passkey | None:
        """The key that an answer says it is of."""
        name = named(answer)
        return await self.means.register.read(lambda c: factors.passkey(c, name)) if name else None

    async def passkeys_of(self, person_id: str) -> Sequence[factors.Passkey]:
        """The passkeys of a person."""
        return await self.means.register.read(lambda c: factors.passkeys(c, person_id))

    # What comes next

    async def further(self, half: Half, visitor: Visitor) -> Ready | More:
        """The next step, or the session when none is left."""
        person, has = await self.means.register.read(lambda c: _standing(c, half.person_id))
        if person is None or person.disabled:
            raise Refused("sign_in.wrong")
        is_whole = not _WHOLE.isdisjoint(half.proven) or len(set(half.proven)) > 1
        if has and not is_whole:
            return self._more("second_factor", has, half)
        if person.must_change and "password" in half.proven:
            return self._more("new_password", (), half)
        if not is_whole and needs_second_factor(person.grants, self.means.guarded):
            return self._more("enrol", ("passkey", "totp"), half)
        return await self.begun(person, half, visitor)

    def _more(self, state: State, methods: tuple[str, ...], half: Half) -> More:
        return More(state, methods, self.halves.give(msgspec.structs.replace(half, step=state)))

    async def begun(
        self, person: Person, half: Half, visitor: Visitor, *, instead_of: Session | None = None
    ) -> Ready:
        """The session, with its row; the one that it takes the place of ends in the same act.

        It is no newer than that one: who changes roles has not shown again who they are, nor gained time.
        """
        role = first_role(person, half.role)
        if role is None:
            raise Refused("sign_in.role")
        now_ms = self.means.now_ms()
        session = Session(
            id=secrets.token_hex(16), person_id=person.id, role=role, kind=SessionKind.BROWSER,
            created_ms=now_ms, expires_ms=now_ms + self.limits.life(SessionKind.BROWSER), factors=half.proven,
            label=visitor.label,
        )  # fmt: skip
        if instead_of is not None:
            session = msgspec.structs.replace(
                session,
                created_ms=instead_of.created_ms,
                expires_ms=instead_of.expires_ms,
                reauthenticated_ms=instead_of.reauthenticated_ms,
            )
        token = cookies.new_token()

        def begin(connection: Any) -> None:
            if instead_of is not None:
                sessions.end(connection, instead_of.id, person_id=person.id, at_ms=now_ms)
            sessions.begin(connection, session, token=token)
            if half.there is not None:
                provider_sessions.link(connection, session.id, half.there)
            elif instead_of is not None:
                provider_sessions.carry_over(connection, instead_of.id, session.id)

        await self.means.register.act(
            self.book.signed_in(person, session, visitor, instead_of=instead_of), begin
        )
        if instead_of is not None:
            self.live.forget(instead_of.id)
        self.live.began(token, Found(session, person))
        for attempt in half.attempts:
            self.lockout.was_right(attempt)
        return Ready(token, Found(session, person))

    # What every step needs

    def attempt(self, visitor: Visitor, account: str) -> Attempt:
        """This visitor at this account, as ``lockout`` counts it."""
        whose = account.partition("/")[0]
        return Attempt(visitor.peer, account, self.browsers.name(visitor.cookie, whose))

    async def wrong(self, code: str, attempt: Attempt, visitor: Visitor, *, why: str = "") -> Refused:
        """The refusal, once it is in the ledger."""
        wait_s = self.lockout.wait_s(attempt)
        await self.lockout.was_wrong(self.book.refused(why or code, attempt, visitor, wait_s=wait_s))
        return Refused(code)

    def at_step(self, ticket: str, step: str) -> Half:
        """What is half done under this name. Raises ``Refused`` (``sign_in.ticket``) when it is not at this step."""
        half = self.halves.look(ticket)
        if half is None or half.step != step:
            raise Refused("sign_in.ticket")
        return half

    async def person(self, person_id: str) -> Person:
        """Who it is, now. Raises ``Refused`` for who may not sign in any more."""
        found = await self.means.register.read(lambda c: people.by_id(c, person_id))
        if found is None or found.disabled:
            raise Refused("sign_in.wrong")
        return found

    # Sessions as requests show them

    async def _read(self, token: str) -> Found | None:
        now_ms = self.means.now_ms()

        def asked(connection: Any) -> Found | None:
            session = sessions.by_token(connection, token, now_ms=now_ms)
            person = people.by_id(connection, session.person_id) if session is not None else None
            return Found(session, person) if session is not None and person is not None else None

        return await self.means.register.read(asked)

    async def _end(self, found: Found, why: str) -> None:
        await self.end(found.session, act="session.ended", rule=why)

    async def end(self, session: Session, *, act: str, rule: str = "") -> None:
        """A session is over, with its row; one that is over already stays so."""
        with suppress(PayloadRejected):
            await self._ended(self.book.of_session(act, session, rule=rule), session.id, session.person_id)

    async def end_other(self, own: Session, session_id: str) -> None:
        """Another session of the same person is over. Raises ``Refused`` (``sign_in.no_such_session``)."""
        entry = self.book.of_session("session.ended", own, rule="by_owner", subject=session_id[:64])
        try:
            await self._ended(entry, session_id, own.person_id)
        except PayloadRejected as error:
            raise Refused("sign_in.no_such_session") from error

    async def end_by_provider(self, session_id: str, person_id: str) -> None:
        """The city's provider ended it; one that is over already stays so."""
        with suppress(PayloadRejected):
            await self._ended(self.book.by_provider(session_id, person_id), session_id, person_id)

    async def _ended(self, entry: LedgerEntry, session_id: str, person_id: str) -> None:
        now_ms = self.means.now_ms()
        self.live.forget(session_id)
        await self.means.register.act(
            entry, lambda c: sessions.end(c, session_id, person_id=person_id, at_ms=now_ms)
        )


def _standing(connection: Any, person_id: str) -> tuple[Person | None, tuple[str, ...]]:
    """Who it is now, and by what they can prove it; codes of recovery only beside a factor that may be lost."""
    has = tuple(factors.methods(connection, person_id))
    spare = ("recovery",) if has and recovery.left(connection, person_id) else ()
    return people.by_id(connection, person_id), (*has, *spare)
