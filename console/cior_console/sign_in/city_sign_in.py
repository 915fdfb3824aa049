"""People who sign in at the city's provider: the journey there and back, and who they are here.

Whoever the provider proves, and its claims give a role, has an account here from then on; its roles are those of the
claims each time. Whom no rule gives a role stays outside. A person that was disabled here stays disabled, whatever the
provider says. A local account is never taken over by a name that the provider claims.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from cior_console.problems import Refused
from cior_console.sign_in import claims as claims_of
from cior_console.sign_in import cookies
from cior_console.sign_in.again import Again
from cior_console.sign_in.book import Visitor
from cior_console.sign_in.flow import Half, More, Ready, SignIn
from cior_console.sign_in.lockout import Attempt
from cior_console.sign_in.openid import Claims, Journey, OpenIdProvider
from cior_console.sign_in.tickets import Tickets
from cior_core.errors import CredentialsRefused, PayloadRejected
from cior_core.people import Grant, Person, RoleRule, Session
from cior_register import people, provider_sessions
from cior_register.provider_sessions import AtProvider

log = structlog.get_logger("cior.console.sign_in")
_MOST_KEPT: Final = 2048
_SEEN_S: Final = 600.0
"""How long a logout token's id is remembered; such a token lives two minutes (§2.4)."""


class CityRules(msgspec.Struct, frozen=True, kw_only=True):
    """How claims become people: ``says`` is what the button says."""

    says: str
    roles: tuple[RoleRule, ...]
    contexts: tuple[str, ...] = ()
    login_claim: str = "preferred_username"


class CitySignIn:
    """One provider and its rules."""

    def __init__(self, flow: SignIn, provider: OpenIdProvider, rules: CityRules, *, home: str) -> None:
        self._flow, self._means, self._again = flow, flow.means, Again(flow)
        self._provider, self.rules, self._home = provider, rules, home
        now_ms = flow.means.now_ms
        self._journeys: Tickets[tuple[Journey, Session | None]] = Tickets(
            now_ms=now_ms, life_s=600.0, most=_MOST_KEPT
        )
        self._seen: Tickets[str] = Tickets(now_ms=now_ms, life_s=_SEEN_S, most=_MOST_KEPT)
        self._tokens: Tickets[str] = Tickets(now_ms=now_ms, life_s=14 * 3600.0, most=_MOST_KEPT)

    async def begun(self, session: Session | None = None) -> tuple[str, str]:
        """Where to send the browser, and its cookie for the way. ``session``: the one that is to be confirmed."""
        browser = cookies.new_token()
        journey = self._provider.new_journey(browser, is_again=session is not None)
        state = self._journeys.give((journey, session))
        return await self._provider.begin(journey, state), browser

    async def came_back(
        self, visitor: Visitor, query: Mapping[str, str], browser: str
    ) -> Ready | More | None:
        """Who came back; None: the session that they had is confirmed. Raises ``Refused`` (``openid.*``).

        The session's own cookie is not here: a browser sends no Strict one from the provider's page. The journey's is.
        """
        journey, session = self._journeys.take(query.get("state", "")) or (None, None)
        if journey is None or not browser or not secrets.compare_digest(journey.browser, browser):
            raise Refused("openid.journey")
        try:
            claims = await self._provider.finish(journey, query)
        except CredentialsRefused as error:
            attempt = Attempt(visitor.peer, "openid", is_nobodys=True)
            await self._flow.lockout.may_try(attempt)  # each is a row of the ledger
            await self._flow.wrong("openid.refused", attempt, visitor, why=error.code)
            raise Refused("openid.refused") from error
        person = await self._person(claims, visitor)
        if session is not None:
            if session.person_id != person.id:
                raise Refused("openid.journey")
            await self._again.proven(session, "oidc")
            return None
        is_two = claims_of.is_two_factors(claims.factors, claims.context, contexts=self.rules.contexts)
        there = AtProvider(
            issuer=claims.issuer, subject=claims.subject, sid=claims_of.text(claims.all, "sid")
        )
        half = Half(
            person_id=person.id, proven=("oidc", "mfa") if is_two else ("oidc",), attempts=(), there=there
        )
        found = await self._flow.further(half, visitor)
        if isinstance(found, Ready):
            self._tokens.keep(found.found.session.id, claims.token)
        return found

    async def left(self, session: Session) -> str:
        """Where the browser ends its session with the provider; empty when it began none there."""
        token = self._tokens.take(session.id)
        if token is None:
            return ""
        return await self._provider.leaving(token, back_to=self._home, state=cookies.new_token()) or ""

    async def logged_out(self, token: str) -> None:
        """The provider ended a session, or all of somebody's: those that began there end here, each with its row.

        Raises ``Refused`` (``openid.logout_token``).
        """
        try:
            ended = await self._provider.ended(token)
        except CredentialsRefused as error:
            log.warning("logout_token_refused", code=error.code)
            raise Refused("openid.logout_token") from error
        if self._seen.look(ended.id) is not None:
            raise Refused("openid.logout_token")
        there = AtProvider(issuer=ended.issuer, subject=ended.subject, sid=ended.sid)
        for session_id, person_id in await self._means.register.read(
            lambda c: provider_sessions.lasting(c, there)
        ):
            await self._flow.end_by_provider(session_id, person_id)
        self._seen.keep(ended.id, ended.id)

    async def _person(self, claims: Claims, visitor: Visitor) -> Person:
        grants = claims_of.grants(claims.all, self.rules.roles)
        known = await self._means.register.read(
            lambda c: people.identify(c, issuer=claims.issuer, subject=claims.subject)
        )
        if known is not None and known.disabled:
            raise Refused("sign_in.wrong")
        if not grants:
            raise Refused("openid.no_role")
        if known is None:
            return await self._new(claims, grants, visitor)
        return known if set(known.grants) == set(grants) else await self._regranted(known, grants, visitor)

    async def _new(self, claims: Claims, grants: Sequence[Grant], visitor: Visitor) -> Person:
        login = claims_of.text(claims.all, self.rules.login_claim) or f"oidc-{secrets.token_hex(4)}"
        name = claims_of.text(claims.all, "name") or login
        person = Person(id=secrets.token_hex(8), login=login, name=name, grants=tuple(grants))

        def add(connection: Any) -> None:
            people.add(connection, person, now_ms=self._means.now_ms())
            people.link(connection, person.id, issuer=claims.issuer, subject=claims.subject)

        try:
            await self._means.register.act(self._flow.book.of_person("person.came", person.id, visitor), add)
        except PayloadRejected as error:  # the name is somebody's already, or no name at all
            raise Refused("openid.login_taken") from error
        return person

    async def _regranted(self, person: Person, grants: Sequence[Grant], visitor: Visitor) -> Person:
        now_ms = self._means.now_ms()

        def change(connection: Any) -> None:
            for old in person.grants:
                if old not in grants:
                    people.withdraw(connection, person.id, old.role, now_ms=now_ms)
            for new in grants:
                if new not in person.grants:
                    people.grant(connection, person.id, new)

        await self._means.register.act(
            self._flow.book.of_person("person.regranted", person.id, visitor), change
        )
        return msgspec.structs.replace(person, grants=tuple(grants))
