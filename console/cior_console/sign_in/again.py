"""Who is signed in shows once more who they are: before sealed data, exports, and changes of their own factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cior_console.problems import Refused
from cior_console.sign_in.book import Visitor
from cior_console.sign_in.flow import SignIn
from cior_core.errors import AccessDenied
from cior_core.people import Session
from cior_register import factors, people, sessions


class Again:
    """By a code or a passkey; by the password only where the person has no second factor."""

    def __init__(self, flow: SignIn) -> None:
        self._flow, self._register = flow, flow.means.register

    async def by_code(self, visitor: Visitor, session: Session, code: str) -> None:
        """Raises ``Refused`` (``sign_in.code_wrong``, ``sign_in.wait``)."""
        attempt = self._flow.attempt(visitor, f"{session.person_id}/code")
        await self._flow.lockout.may_try(attempt)
        entry = self._flow.book.of_session("session.code", session)
        try:
            await self._flow.take_code(session.person_id, code, entry)
        except AccessDenied as error:
            self._flow.lockout.keep()
            raise Refused("sign_in.code_wrong") from error
        self._flow.lockout.was_right(attempt)
        await self.proven(session, "totp")

    async def by_password(self, visitor: Visitor, session: Session, password: str) -> None:
        """Raises ``Refused`` (``sign_in.factor_wanted``, ``sign_in.wrong``, ``sign_in.wait``)."""
        if await self._register.read(lambda c: factors.methods(c, session.person_id)):
            raise Refused("sign_in.factor_wanted")
        await self.own_password(visitor, session, password)
        await self.proven(session, "password")

    async def own_password(self, visitor: Visitor, session: Session, password: str) -> None:
        """Whether it is the caller's password, counted as any other try. Raises ``Refused``."""
        attempt = self._flow.attempt(visitor, session.person_id)
        await self._flow.lockout.may_try(attempt)
        known = await self._register.read(lambda c: people.credentials_of(c, session.person_id))
        stored = known.password_hash if known is not None else None
        if not (await self._flow.checked(password, stored)).is_right:
            raise await self._flow.wrong("sign_in.wrong", attempt, visitor)
        self._flow.lockout.was_right(attempt)

    async def asked(self, session: Session) -> tuple[str, dict[str, Any]]:
        """What to ask the caller's passkeys. Raises ``Refused`` (``sign_in.no_passkey``)."""
        held = await self._flow.passkeys_of(session.person_id)
        if not held:
            raise Refused("sign_in.no_passkey")
        asked = self._flow.means.passkeys.asking([each.credential_id for each in held])
        return self._flow.challenges.give((asked.expected, None)), asked.options

    async def by_passkey(self, session: Session, ticket: str, answer: dict[str, Any]) -> None:
        """Raises ``Refused`` (``sign_in.ticket``, ``sign_in.passkey``)."""
        expected, _ = self._flow.challenges.take(ticket) or (None, None)
        if expected is None:
            raise Refused("sign_in.ticket")
        key = await self._flow.key_named(answer)
        if key is None or key.person_id != session.person_id:
            raise Refused("sign_in.passkey")
        entry = self._flow.book.of_session("session.passkey", session)
        try:
            await self._flow.use_key(key, self._flow.uses_of(key, expected, answer), entry)
        except AccessDenied as error:
            raise Refused("sign_in.passkey") from error
        await self.proven(session, "passkey")

    async def proven(self, session: Session, *methods: str) -> None:
        """Whoever holds this session proved just now who they are."""
        now_ms = self._flow.means.now_ms()
        kept: Sequence[str] = tuple(dict.fromkeys((*session.factors, *methods)))
        entry = self._flow.book.of_session("session.confirmed", session)
        await self._register.act(
            entry, lambda c: sessions.prove_again(c, session.id, factors=kept, at_ms=now_ms)
        )
        self._flow.live.forget(session.id)
