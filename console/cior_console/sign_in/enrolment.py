"""Second factors and passwords as their owner changes them: on the way in, where the role wants a factor and there is
none, or from a session that was confirmed within the last minutes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cior_console.problems import Refused
from cior_console.sign_in import one_time_codes
from cior_console.sign_in.book import Visitor
from cior_console.sign_in.flow import Half, More, Ready, SignIn
from cior_console.sign_in.tickets import Tickets
from cior_core.errors import CredentialsRefused, PayloadRejected
from cior_core.people import LedgerEntry, Person, Session
from cior_register import factors, people, recovery, sessions

_MOST_PASSKEYS = 10


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A factor that is being made. ``half``: the ticket of the sign-in that waits for it, empty from a session."""

    person_id: str
    secret: str = ""
    expected: bytes = b""
    half: str = ""


class Enrolment:
    """Makes factors for who signs in, and for who is signed in."""

    def __init__(self, flow: SignIn) -> None:
        self._flow, self._means = flow, flow.means
        self._wishes: Tickets[Wish] = Tickets(now_ms=flow.means.now_ms)

    async def code_asked(self, person_id: str, *, half: str = "") -> tuple[str, str, str]:
        """A telephone's new secret: its ticket, itself, and as an address."""
        person = await self._flow.person(person_id)
        secret = one_time_codes.new_secret()
        ticket = self._wishes.give(Wish(person_id=person_id, secret=secret, half=half))
        return ticket, secret, one_time_codes.address(secret, login=person.login, centre=self._means.centre)

    async def code_shown(self, ticket: str, code: str, entry: LedgerEntry) -> Wish:
        """The first code proves that the telephone has it; then it is kept. Raises ``Refused``."""
        wish = self._wishes.look(ticket)
        if wish is None or not wish.secret or wish.person_id != entry.actor:
            raise Refused("sign_in.ticket")
        now_ms = self._means.now_ms()
        step = one_time_codes.accepted_step(wish.secret, code, now_ms=now_ms, last_step=0)
        if step is None:
            raise Refused("sign_in.code_wrong")
        self._wishes.take(ticket)
        sealed = self._means.box.sealed(wish.person_id, wish.secret.encode())

        def keep(connection: Any) -> None:
            factors.set_totp(connection, wish.person_id, sealed)
            factors.take_step(connection, wish.person_id, step, now_ms=now_ms)

        await self._means.register.act(entry, keep)
        return wish

    async def passkey_asked(self, person_id: str, *, half: str = "") -> tuple[str, dict[str, Any]]:
        """For ``navigator.credentials.create``."""
        person = await self._flow.person(person_id)
        held = await self._flow.passkeys_of(person_id)
        if len(held) >= _MOST_PASSKEYS:
            raise Refused("sign_in.too_many_passkeys")
        asked = self._means.passkeys.making(
            person_id=person.id,
            login=person.login,
            name=person.name,
            held=[each.credential_id for each in held],
        )
        wish = Wish(person_id=person_id, expected=asked.expected, half=half)
        return self._wishes.give(wish), asked.options

    async def passkey_made(self, ticket: str, answer: dict[str, Any], label: str, entry: LedgerEntry) -> Wish:
        """Keep what the browser made. Raises ``Refused``."""
        wish = self._wishes.take(ticket)
        if wish is None or not wish.expected or wish.person_id != entry.actor:
            raise Refused("sign_in.ticket")
        try:
            made = self._means.passkeys.made(answer, wish.expected)
        except CredentialsRefused as error:
            raise Refused("sign_in.passkey") from error
        kept = factors.Passkey(
            credential_id=made.credential_id,
            person_id=wish.person_id,
            public_key=made.public_key,
            counter=made.uses,
            label=label or "Passkey",
            added_ms=self._means.now_ms(),
        )
        try:
            await self._means.register.act(entry, lambda c: factors.add_passkey(c, kept))
        except PayloadRejected as error:
            raise Refused("sign_in.passkey") from error
        return wish

    def owner(self, ticket: str) -> str:
        """Whose wish it is; empty for none, which nothing is kept for."""
        wish = self._wishes.look(ticket)
        return wish.person_id if wish is not None and wish.half else ""

    # On the way in

    def half_of(self, ticket: str) -> Half:
        """The sign-in that lacks a factor."""
        return self._flow.at_step(ticket, "enrol")

    async def went_on(self, wish: Wish, method: str, visitor: Visitor) -> Ready | More:
        """The factor is made and shown: the sign-in goes on."""
        half = self._flow.at_step(wish.half, "enrol")
        self._flow.halves.take(wish.half)
        return await self._flow.further(msgspec.structs.replace(half, proven=(*half.proven, method)), visitor)

    # From a session

    async def change_password(self, session: Session, person: Person, old: str, new: str) -> None:
        """Another password, after the old one was shown; every other session of the person ends. Raises ``Refused``."""
        if old == new:
            raise Refused("sign_in.password_same")
        made = await self._flow.made(new)
        now_ms = self._means.now_ms()

        def change(connection: Any) -> list[str]:
            people.set_password(connection, person.id, made, now_ms=now_ms, must_change=False)
            return list(sessions.end_of_person(connection, person.id, at_ms=now_ms, but=session.id))

        entry = self._flow.book.of_session("password.changed", session, subject=person.id)
        for ended in await self._means.register.act(entry, change):
            self._flow.live.forget(ended)

    async def recovery_made(self, session: Session) -> tuple[str, ...]:
        """Ten codes, to be shown once; those before are void."""
        codes, person_id = recovery.new_codes(), session.person_id
        entry = self._flow.book.of_session("factor.added", session, subject="recovery")
        await self._means.register.act(entry, lambda c: recovery.set_codes(c, person_id, codes))
        return codes

    async def remove(self, session: Session, factor_id: str, *, is_guarded: bool) -> None:
        """A factor goes; not the last one of somebody who needs one. Raises ``Refused``."""
        person_id = session.person_id

        def gone(connection: Any) -> bool:
            kept = factors.passkeys(connection, person_id)
            has_code = "totp" in factors.methods(connection, person_id)
            if is_guarded and factor_id != "recovery" and len(kept) + has_code < 2:
                raise PayloadRejected("sign_in.last_factor", "this is the last second factor")
            if factor_id == "recovery":
                recovery.forget(connection, person_id)
                return True
            if factor_id == "totp":
                return has_code and factors.remove_totp(connection, person_id)
            found = next((each for each in kept if each.credential_id.hex() == factor_id), None)
            return found is not None and factors.remove_passkey(connection, person_id, found.credential_id)

        entry = self._flow.book.of_session("factor.removed", session, subject=factor_id)
        try:
            is_gone = await self._means.register.act(entry, gone)
        except PayloadRejected as error:
            raise Refused("sign_in.last_factor") from error
        if not is_gone:
            raise Refused("sign_in.no_such_factor")
