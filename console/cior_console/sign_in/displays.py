"""Walls: an account of its own for each display, which can only look.

Somebody with a name asks for a code, walks to the wall and types it there, once and within a quarter of an hour. The
display is a person of the register with one role, ``wall``, and no password: nobody signs in as it, and it is disabled
like anybody else.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgspec

from cior_console.sign_in import cookies
from cior_console.sign_in.book import Visitor
from cior_console.sign_in.flow import Ready, SignIn
from cior_console.sign_in.live_sessions import Found
from cior_console.sign_in.tickets import Tickets
from cior_core.people import Grant, Person, Scope, Session, SessionKind
from cior_core.privacy import Role
from cior_register import people, sessions

CODE_LIFE_S: Final = 900.0
_LETTERS: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""None that is mistaken for another one on a screen across the room."""
_CODE_LENGTH: Final = 10


class Planned(msgspec.Struct, frozen=True):
    """A display to come: its name, where it looks, who asked for it."""

    name: str
    districts: tuple[str, ...]
    by: str


class Displays:
    """Hands out codes and takes them."""

    def __init__(self, flow: SignIn) -> None:
        self._flow, self._means = flow, flow.means
        self._codes: Tickets[Planned] = Tickets(now_ms=flow.means.now_ms, life_s=CODE_LIFE_S, most=64)

    async def planned(self, session: Session, name: str, districts: tuple[str, ...]) -> tuple[str, int]:
        """A code for a new wall, and until when. Its row names who asked."""
        until_ms = self._means.now_ms() + int(CODE_LIFE_S * 1000)
        await self._means.register.note(self._flow.book.of_session("display.planned", session, subject=name))
        code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
        self._codes.keep(code, Planned(name, districts, session.person_id))
        return code, until_ms

    async def enrolled(self, visitor: Visitor, typed: str) -> Ready:
        """The wall shows its code: it has an account and a session from now on. Raises ``Refused``."""
        attempt = self._flow.attempt(visitor, "display")
        await self._flow.lockout.may_try(attempt)
        planned = self._codes.take("".join(typed.upper().split()).replace("-", ""))
        if planned is None:
            raise await self._flow.wrong("sign_in.display_code", attempt, visitor)
        now_ms = self._means.now_ms()
        name = secrets.token_hex(4)
        scope = Scope(districts=planned.districts)
        person = Person(
            id=f"display-{name}",
            login=f"display-{name}",
            name=planned.name,
            grants=(Grant(Role.WALL, scope),),
        )
        session = Session(
            id=secrets.token_hex(16), person_id=person.id, role=Role.WALL, kind=SessionKind.DISPLAY,
            created_ms=now_ms, expires_ms=now_ms + self._flow.limits.life(SessionKind.DISPLAY),
            factors=("display",), label=visitor.label,
        )  # fmt: skip
        token = cookies.new_token()

        def enrol(connection: Any) -> None:
            people.add(connection, person, now_ms=now_ms)
            sessions.begin(connection, session, token=token)

        entry = self._flow.book.of_person("display.enrolled", planned.by, visitor, subject=person.id)
        await self._means.register.act(entry, enrol)
        self._flow.lockout.was_right(attempt)
        self._flow.live.began(token, Found(session, person))
        return Ready(token, Found(session, person))
