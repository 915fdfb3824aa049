"""The answers of the sign-in endpoints: from a request to the flow, and back with cookies."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import msgspec
from aiohttp import web

from cior_console.authorising import DEED, LAW, is_fresh
from cior_console.endpoints import CALLER, FRESH_MS, Caller, body_of
from cior_console.problems import Refused
from cior_console.sessions import peer_of
from cior_console.sign_in import answers, browsers, cookies
from cior_console.sign_in.again import Again
from cior_console.sign_in.book import Visitor
from cior_console.sign_in.city_sign_in import CitySignIn
from cior_console.sign_in.displays import Displays
from cior_console.sign_in.duties import needs_second_factor, sees_more
from cior_console.sign_in.enrolment import Enrolment
from cior_console.sign_in.flow import Half, More, Ready, SignIn
from cior_console.sign_in.live_sessions import Found
from cior_console.sign_in.tls import Door
from cior_core.errors import CiorError
from cior_core.people import Grant, Session, SessionKind
from cior_register import factors, recovery, sessions

_json = msgspec.json.Encoder()
HOME = "/console/"
"""The console's page."""


class SignInDesk:
    """What stands behind the endpoints. ``door`` says where the console listens, and whether people may sign in."""

    def __init__(self, flow: SignIn, *, city: CitySignIn | None, door: Callable[[], Door]) -> None:
        self.flow, self.city, self._door = flow, city, door
        self.enrolment = Enrolment(flow)
        self.displays = Displays(flow)
        self.again = Again(flow)

    # Who asks

    async def identify(self, request: web.Request) -> Caller | None:
        """Whose session this request carries (``access.IDENTIFY``)."""
        found = await self.flow.live.find(cookies.shown(request, cookies.SESSION), _label(request))
        if found is None:
            return None
        session, person = found.session, found.person
        scope = next(grant.scope for grant in person.grants if grant.role is session.role)
        return Caller(person=person, session=session, role=session.role, scope=scope)

    def _visitor(self, request: web.Request) -> Visitor:
        refusal = self._door().refusal()
        if refusal is not None:
            raise Refused(refusal)
        return Visitor(
            peer=peer_of(request.remote),
            label=_label(request),
            cookie=cookies.shown(request, cookies.BROWSER),
        )

    # The way in

    async def ways(self, _request: web.Request) -> answers.Ways:
        """How people may sign in here."""
        refusal = self._door().refusal()
        is_open = refusal is None
        return answers.Ways(
            password=is_open,
            passkey=is_open,
            openid=self.city.rules.says if self.city is not None and is_open else "",
            refusal=refusal or "",
            centre=self.flow.means.centre,
        )

    async def password(self, request: web.Request) -> web.Response:
        """Name and password."""
        body, visitor = body_of(request, answers.PasswordBody), self._visitor(request)
        found = await self.flow.password(visitor, body.login, body.password, body.role)
        return self._step(visitor, found)

    async def new_password(self, request: web.Request) -> web.Response:
        """One of one's own."""
        body, visitor = body_of(request, answers.NewPasswordBody), self._visitor(request)
        return self._step(visitor, await self.flow.new_password(visitor, body.ticket, body.password))

    async def code(self, request: web.Request) -> web.Response:
        """Six digits."""
        body, visitor = body_of(request, answers.CodeBody), self._visitor(request)
        return self._step(visitor, await self.flow.code(visitor, body.ticket, body.code))

    async def recovery(self, request: web.Request) -> web.Response:
        """A code for the day the telephone is lost."""
        body, visitor = body_of(request, answers.RecoveryBody), self._visitor(request)
        return self._step(visitor, await self.flow.recovery(visitor, body.ticket, body.code))

    async def passkey_options(self, request: web.Request) -> answers.PasskeyAsk:
        """What to ask a passkey."""
        body = body_of(request, answers.PasskeyAskBody)
        self._visitor(request)
        ticket, options = await self.flow.passkey_asked(body.ticket)
        return answers.PasskeyAsk(ticket=ticket, options=options)

    async def passkey(self, request: web.Request) -> web.Response:
        """Its answer."""
        body, visitor = body_of(request, answers.PasskeyBody), self._visitor(request)
        return self._step(visitor, await self.flow.passkey(visitor, body.ticket, body.answer, body.role))

    async def first_code_asked(self, request: web.Request) -> answers.NewCode:
        """A telephone's secret, on the way in."""
        body = body_of(request, answers.TicketBody)
        half = self.enrolment.half_of(body.ticket)
        return _new_code(await self.enrolment.code_asked(half.person_id, half=body.ticket))

    async def first_code(self, request: web.Request) -> web.Response:
        """Its first code: the factor is there, and the sign-in goes on."""
        body, visitor = body_of(request, answers.CodeBody), self._visitor(request)
        person_id = self.enrolment.owner(body.ticket)
        entry = self.flow.book.of_person("factor.added", person_id, visitor, subject="totp")
        wish = await self.enrolment.code_shown(body.ticket, body.code, entry)
        return self._step(visitor, await self.enrolment.went_on(wish, "totp", visitor))

    async def first_passkey_asked(self, request: web.Request) -> answers.PasskeyAsk:
        """A passkey to be made, on the way in."""
        body = body_of(request, answers.TicketBody)
        half = self.enrolment.half_of(body.ticket)
        ticket, options = await self.enrolment.passkey_asked(half.person_id, half=body.ticket)
        return answers.PasskeyAsk(ticket=ticket, options=options)

    async def first_passkey(self, request: web.Request) -> web.Response:
        """It is made: the sign-in goes on."""
        body, visitor = body_of(request, answers.PasskeyBody), self._visitor(request)
        person_id = self.enrolment.owner(body.ticket)
        entry = self.flow.book.of_person("factor.added", person_id, visitor, subject="passkey")
        wish = await self.enrolment.passkey_made(body.ticket, body.answer, body.label, entry)
        return self._step(visitor, await self.enrolment.went_on(wish, "passkey", visitor))

    async def display(self, request: web.Request) -> web.Response:
        """A wall shows its code."""
        body, visitor = body_of(request, answers.EnrolBody), self._visitor(request)
        ready = await self.displays.enrolled(visitor, body.code)
        response = _sent(answers.Step(state="signed_in", session=self._view(ready.found)))
        life_s = (ready.found.session.expires_ms - ready.found.session.created_ms) // 1000
        cookies.keep_session(response, ready.token, life_s=life_s)
        return response

    def _step(self, visitor: Visitor, found: Ready | More) -> web.Response:
        if isinstance(found, More):
            return _sent(answers.Step(state=found.state, methods=found.methods, ticket=found.ticket))
        response = _sent(answers.Step(state="signed_in", session=self._view(found.found)))
        self._give(response, visitor, found)
        return response

    def _give(self, response: web.Response, visitor: Visitor, ready: Ready) -> None:
        cookies.give_session(response, ready.token)
        person_id = ready.found.person.id
        cookies.give_browser(response, self.flow.browsers.remembering(visitor.cookie, person_id))

    # The city's provider

    async def city_begins(self, request: web.Request) -> web.Response:
        """To the provider's page."""
        self._visitor(request)
        return await self._to_provider()

    async def city_again(self, request: web.Request) -> web.Response:
        """To the provider's page, which has to ask who this is."""
        return await self._to_provider(request[CALLER].session)

    async def _to_provider(self, session: Session | None = None) -> web.Response:
        if self.city is None:
            raise Refused("openid.none")
        address, browser = await self.city.begun(session)
        response = web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
        cookies.give_journey(response, browser)
        return response

    async def city_ends(self, request: web.Request) -> web.Response:
        """Back from it. The browser came from another site, so it sends no Strict cookie until a page of ours leads on:
        the answer is that page.
        """
        try:
            response = await self._came_back(request)
        except Refused as why:
            response = _leading(f"refused={quote(why.code)}")
        except CiorError as error:
            response = _leading(f"refused={quote(error.code)}")
        cookies.take_journey(response)
        return response

    async def _came_back(self, request: web.Request) -> web.Response:
        if self.city is None:
            raise Refused("openid.none")
        visitor, browser = self._visitor(request), cookies.shown(request, cookies.JOURNEY)
        found = await self.city.came_back(visitor, dict(request.query), browser)
        if found is None:
            return _leading("confirmed")
        if isinstance(found, More):
            step = answers.Step(state=found.state, methods=found.methods, ticket=found.ticket)
            return _leading("step=" + quote(_json.encode(step).decode()))
        response = _leading("")
        self._give(response, visitor, found)
        return response

    async def city_logs_out(self, request: web.Request) -> web.Response:
        """The provider says that somebody's session ended there."""
        if self.city is None:
            raise Refused("openid.none")
        await self.city.logged_out(body_of(request, answers.LogoutBody).logout_token)
        return web.Response(headers={"Cache-Control": "no-store"})

    # From a session

    async def session(self, request: web.Request) -> answers.SessionView:
        """The session of this browser."""
        caller = request[CALLER]
        return self._view(Found(caller.session, caller.person))

    def _view(self, found: Found) -> answers.SessionView:
        session, person = found.session, found.person
        shown_ms = max(session.created_ms, session.reauthenticated_ms or 0)
        scopes = [grant.scope for grant in person.grants if grant.role is session.role]
        return answers.SessionView(
            id=session.id, person_id=person.id, login=person.login, name=person.name, language=person.language,
            role=session.role, roles=tuple(grant.role for grant in person.grants), scope=scopes[0],
            kind=session.kind.value, factors=session.factors, created_ms=session.created_ms,
            expires_ms=session.expires_ms,
            fresh_until_ms=shown_ms + FRESH_MS if session.kind is SessionKind.BROWSER else 0,
            now_ms=self.flow.means.now_ms(),
        )  # fmt: skip

    async def role(self, request: web.Request) -> web.Response:
        """Another of one's roles: another session, in the place of this one. For one that shows more, and that a
        password alone does not open, one shows first who one is.
        """
        caller, body = request[CALLER], body_of(request, answers.RoleBody)
        visitor = self._visitor(request)
        grants = {grant.role: grant for grant in caller.person.grants}
        wanted = grants.get(body.role)
        if wanted is None:
            raise Refused("sign_in.role")
        law, is_guarded = request.app[LAW], wanted.role in self.flow.means.guarded
        more = sees_more(law.policy, worn=Grant(caller.role, caller.scope), wanted=wanted)
        if is_guarded and more and not is_fresh(caller, law.now_ms()):
            raise Refused("session.not_fresh")
        half = Half(person_id=caller.person.id, proven=caller.session.factors, attempts=(), role=body.role)
        ready = await self.flow.begun(caller.person, half, visitor, instead_of=caller.session)
        request[DEED].is_written = True
        return self._step(visitor, ready)

    async def sign_out(self, request: web.Request) -> web.Response:
        """This session is over; ``address``: where the provider's ends too."""
        session = request[CALLER].session
        await self.flow.end(session, act="sign_out")
        request[DEED].is_written = True
        try:
            address = await self.city.left(session) if self.city is not None else ""
        except CiorError:
            address = ""  # the provider is away: its session ends by itself, ours has ended
        response = _sent(answers.Away(address=address))
        cookies.take_session(response)
        return response

    async def sessions(self, request: web.Request) -> list[answers.SessionRow]:
        """One's sessions that last."""
        own, now_ms = request[CALLER].session, self.flow.means.now_ms()
        found = await self.flow.means.register.read(
            lambda c: sessions.of_person(c, own.person_id, now_ms=now_ms)
        )
        return [
            answers.SessionRow(
                id=each.id,
                label=each.label,
                role=each.role,
                kind=each.kind.value,
                created_ms=each.created_ms,
                expires_ms=each.expires_ms,
                is_this=each.id == own.id,
            )
            for each in found
        ]

    async def end_session(self, request: web.Request) -> None:
        """One of one's own is over."""
        await self.flow.end_other(request[CALLER].session, request.match_info["id"])
        request[DEED].is_written = True

    # Confirming who one is

    async def reauthenticate(self, request: web.Request) -> answers.SessionView:
        """By a code; by the password where the person has no second factor."""
        caller, body = request[CALLER], body_of(request, answers.ReauthenticateBody)
        visitor = self._visitor(request)
        if body.code:
            await self.again.by_code(visitor, caller.session, body.code)
        else:
            await self.again.by_password(visitor, caller.session, body.password)
        return await self._confirmed(request)

    async def passkey_again_options(self, request: web.Request) -> answers.PasskeyAsk:
        """What to ask the caller's passkeys."""
        ticket, options = await self.again.asked(request[CALLER].session)
        return answers.PasskeyAsk(ticket=ticket, options=options)

    async def passkey_again(self, request: web.Request) -> answers.SessionView:
        """By a passkey."""
        session, body = request[CALLER].session, body_of(request, answers.PasskeyBody)
        self._visitor(request)
        await self.again.by_passkey(session, body.ticket, body.answer)
        return await self._confirmed(request)

    async def _confirmed(self, request: web.Request) -> answers.SessionView:
        request[DEED].is_written = True
        found = await self.flow.live.find(cookies.shown(request, cookies.SESSION), _label(request))
        if found is None:
            raise Refused("session.missing")
        return self._view(found)

    # One's own password and factors

    async def change_password(self, request: web.Request) -> None:
        """Another password."""
        caller, body = request[CALLER], body_of(request, answers.ChangePasswordBody)
        self.flow.refuse_weak(caller.person, body.password)
        await self.again.own_password(self._visitor(request), caller.session, body.old)
        await self.enrolment.change_password(caller.session, caller.person, body.old, body.password)
        request[DEED].is_written = True

    async def factors(self, request: web.Request) -> list[answers.FactorRow]:
        """One's second factors."""
        person_id = request[CALLER].person.id
        kept, methods, spare = await self.flow.means.register.read(
            lambda c: (
                factors.passkeys(c, person_id),
                factors.methods(c, person_id),
                recovery.left(c, person_id),
            )
        )
        rows = [
            answers.FactorRow(
                id=each.credential_id.hex(), method="passkey", label=each.label, added_ms=each.added_ms
            )
            for each in kept
        ]
        code = (
            [answers.FactorRow(id="totp", method="totp", label="", added_ms=0)] if "totp" in methods else []
        )
        codes = answers.FactorRow(id="recovery", method="recovery", label=str(spare), added_ms=0)
        return [*code, *rows, *([codes] if spare else [])]

    async def recovery_made(self, request: web.Request) -> answers.RecoveryCodes:
        """Ten codes, shown this once."""
        codes = await self.enrolment.recovery_made(request[CALLER].session)
        request[DEED].is_written = True
        return answers.RecoveryCodes(codes=codes)

    async def code_asked(self, request: web.Request) -> answers.NewCode:
        """A telephone's new secret."""
        return _new_code(await self.enrolment.code_asked(request[CALLER].person.id))

    async def code_added(self, request: web.Request) -> None:
        """Its first code: from now on it is the factor."""
        session, body = request[CALLER].session, body_of(request, answers.CodeBody)
        entry = self.flow.book.of_session("factor.added", session, subject="totp")
        await self.enrolment.code_shown(body.ticket, body.code, entry)
        request[DEED].is_written = True

    async def passkey_asked(self, request: web.Request) -> answers.PasskeyAsk:
        """A passkey to be made."""
        ticket, options = await self.enrolment.passkey_asked(request[CALLER].person.id)
        return answers.PasskeyAsk(ticket=ticket, options=options)

    async def passkey_added(self, request: web.Request) -> None:
        """It is made."""
        session, body = request[CALLER].session, body_of(request, answers.PasskeyBody)
        entry = self.flow.book.of_session("factor.added", session, subject="passkey")
        await self.enrolment.passkey_made(body.ticket, body.answer, body.label, entry)
        request[DEED].is_written = True

    async def remove_factor(self, request: web.Request) -> None:
        """A factor goes."""
        caller = request[CALLER]
        is_guarded = needs_second_factor(caller.person.grants, self.flow.means.guarded)
        await self.enrolment.remove(caller.session, request.match_info["id"], is_guarded=is_guarded)
        request[DEED].is_written = True

    async def plan_display(self, request: web.Request) -> answers.DisplayCode:
        """A code for a new wall."""
        caller, body = request[CALLER], body_of(request, answers.DisplayBody)
        code, until_ms = await self.displays.planned(caller.session, body.name, body.districts)
        request[DEED].is_written = True
        return answers.DisplayCode(code=f"{code[:5]}-{code[5:]}", until_ms=until_ms)


def _label(request: web.Request) -> str:
    return browsers.label(request.headers.get("User-Agent", ""))


def _new_code(made: tuple[str, str, str]) -> answers.NewCode:
    ticket, secret, address = made
    return answers.NewCode(ticket=ticket, secret=secret, address=address)


def _sent(value: msgspec.Struct) -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=_json.encode(value), content_type="application/json", headers=headers)


def _leading(fragment: str) -> web.Response:
    """A page of ours that leads home, with what happened behind the ``#``, which no server and no log sees."""
    address = HOME + (f"#{fragment}" if fragment else "")
    text = f'<!doctype html><meta http-equiv="refresh" content="0;url={address}"><title>CIOR</title>'
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(text=text, content_type="text/html", headers=headers)
