"""The rows of sign-in in the one table of endpoints (ADR 0035, ADR 0029)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Final

from aiohttp import web

from cior_console.endpoints import Endpoint, Handler, Ledgered
from cior_console.problems import Refused
from cior_console.sign_in import answers
from cior_console.sign_in.handlers import SignInDesk
from cior_core.model import DataClass
from cior_core.privacy import Purpose, Role

SIGN_IN = web.AppKey("sign_in", SignInDesk)
Answer = Callable[[SignInDesk, web.Request], Awaitable[Any]]
_BASE: Final = "/api/v1"
_ALL: Final = frozenset(Role)
_PEOPLE: Final = _ALL - {Role.WALL}
_WALL_KEEPERS: Final = frozenset({Role.SUPERVISOR, Role.ENGINEER})

_open = partial(Endpoint, is_open=True, data_class=DataClass.PUBLIC)
_own = partial(Endpoint, roles=_PEOPLE, purpose=Purpose.LIVE_OPERATION, data_class=DataClass.PUBLIC)
_own_act = partial(_own, ledgered=Ledgered.ACT)
_fresh_act = partial(_own_act, needs_fresh_sign_in=True)


def _at(answer: Answer) -> Handler:
    """The desk of this console answers."""

    async def handler(request: web.Request) -> Any:
        desk = request.app.get(SIGN_IN)
        if desk is None:
            raise Refused("sign_in.none")
        return await answer(desk, request)

    return handler


def sign_in_endpoints() -> tuple[Endpoint, ...]:
    """All of them."""
    return (*_way_in(), *_factors_on_the_way(), *_session(), *_again(), *_own_factors())


def _way_in() -> Iterator[Endpoint]:
    step: dict[str, Any] = {"answer": answers.Step, "method": "POST"}
    yield _open(
        name="sign_in.ways", method="GET", path=f"{_BASE}/sign-in", says="How people sign in here",
        handler=_at(SignInDesk.ways), answer=answers.Ways,
    )  # fmt: skip
    yield _open(
        name="sign_in.password", path=f"{_BASE}/sign-in", says="Name and password: the first step",
        handler=_at(SignInDesk.password), body=answers.PasswordBody, **step,
    )  # fmt: skip
    yield _open(
        name="sign_in.new_password", path=f"{_BASE}/sign-in/new-password",
        says="A password of one's own after the first one", handler=_at(SignInDesk.new_password),
        body=answers.NewPasswordBody, **step,
    )  # fmt: skip
    yield _open(
        name="sign_in.code", path=f"{_BASE}/sign-in/totp", says="The six digits of a telephone",
        handler=_at(SignInDesk.code), body=answers.CodeBody, **step,
    )  # fmt: skip
    yield _open(
        name="sign_in.recovery", path=f"{_BASE}/sign-in/recovery",
        says="A code for the day the telephone is lost; each is good once", handler=_at(SignInDesk.recovery),
        body=answers.RecoveryBody, **step,
    )  # fmt: skip
    yield _open(
        name="sign_in.passkey_asked", method="POST", path=f"{_BASE}/sign-in/passkey/options",
        says="What to ask a passkey; without a ticket it says who it is", handler=_at(SignInDesk.passkey_options),
        body=answers.PasskeyAskBody, answer=answers.PasskeyAsk,
    )  # fmt: skip
    yield _open(
        name="sign_in.passkey", path=f"{_BASE}/sign-in/passkey", says="A passkey's answer",
        handler=_at(SignInDesk.passkey), body=answers.PasskeyBody, **step,
    )  # fmt: skip
    yield _open(
        name="display.enrolled", path=f"{_BASE}/sign-in/display", says="A wall shows the code it was given",
        handler=_at(SignInDesk.display), body=answers.EnrolBody, **step,
    )  # fmt: skip
    yield _open(
        name="openid.begun", method="GET", path=f"{_BASE}/sign-in/oidc", status=303,
        says="To the city's own sign-in", handler=_at(SignInDesk.city_begins),
    )  # fmt: skip
    yield _open(
        name="openid.ended", method="GET", path=f"{_BASE}/sign-in/oidc/callback",
        says="Back from the city's own sign-in; a page that leads home", handler=_at(SignInDesk.city_ends),
    )  # fmt: skip

    yield _open(
        name="openid.logged_out", method="POST", path=f"{_BASE}/sign-in/oidc/back-channel", is_for_servers=True,
        says="The city's provider ends sessions (OpenID Connect Back-Channel Logout 1.0); its token proves it",
        handler=_at(SignInDesk.city_logs_out), body=answers.LogoutBody, problems=("openid.logout_token",),
    )  # fmt: skip


def _factors_on_the_way() -> Iterator[Endpoint]:
    yield _open(
        name="sign_in.code_made", method="POST", path=f"{_BASE}/sign-in/factors/totp",
        says="A telephone's secret, for a role that needs a second factor", handler=_at(SignInDesk.first_code_asked),
        body=answers.TicketBody, answer=answers.NewCode,
    )  # fmt: skip
    yield _open(
        name="sign_in.code_added", method="POST", path=f"{_BASE}/sign-in/factors/totp/confirm",
        says="Its first code; the sign-in goes on", handler=_at(SignInDesk.first_code), body=answers.CodeBody,
        answer=answers.Step,
    )  # fmt: skip
    yield _open(
        name="sign_in.passkey_made", method="POST", path=f"{_BASE}/sign-in/factors/passkey/options",
        says="A passkey to be made, where the role needs a factor", handler=_at(SignInDesk.first_passkey_asked),
        body=answers.TicketBody, answer=answers.PasskeyAsk,
    )  # fmt: skip
    yield _open(
        name="sign_in.passkey_added", method="POST", path=f"{_BASE}/sign-in/factors/passkey",
        says="It is made; the sign-in goes on", handler=_at(SignInDesk.first_passkey), body=answers.PasskeyBody,
        answer=answers.Step,
    )  # fmt: skip


def _session() -> Iterator[Endpoint]:
    yield _own(
        name="session.read", method="GET", path=f"{_BASE}/session", roles=_ALL, says="The session of this browser",
        handler=_at(SignInDesk.session), answer=answers.SessionView, goes_on_without_register=True,
    )  # fmt: skip
    yield _own_act(
        name="session.role", method="POST", path=f"{_BASE}/session/role", says="Another of one's roles",
        handler=_at(SignInDesk.role), body=answers.RoleBody, answer=answers.Step,
    )  # fmt: skip
    yield _own_act(
        name="sign_out", method="POST", path=f"{_BASE}/sign-out", says="This session is over",
        handler=_at(SignInDesk.sign_out), answer=answers.Away,
    )  # fmt: skip
    yield _own(
        name="session.list", method="GET", path=f"{_BASE}/sessions", says="One's own sessions",
        handler=_at(SignInDesk.sessions), answer=list[answers.SessionRow],
    )  # fmt: skip
    yield _own_act(
        name="session.ended", method="DELETE", path=f"{_BASE}/sessions/{{id}}", status=204,
        says="One of one's own sessions is over", handler=_at(SignInDesk.end_session),
    )  # fmt: skip
    yield _fresh_act(
        name="display.planned", method="POST", path=f"{_BASE}/displays", roles=_WALL_KEEPERS,
        purpose_of={Role.ENGINEER: Purpose.MAINTENANCE},
        says="A code for a new wall", handler=_at(SignInDesk.plan_display), body=answers.DisplayBody,
        answer=answers.DisplayCode,
    )  # fmt: skip


def _again() -> Iterator[Endpoint]:
    yield _own_act(
        name="session.confirmed", method="POST", path=f"{_BASE}/reauthenticate",
        says="Who one is, once more: by code, or by password without a second factor",
        handler=_at(SignInDesk.reauthenticate), body=answers.ReauthenticateBody, answer=answers.SessionView,
    )  # fmt: skip
    yield _own(
        name="session.passkey_asked", method="POST", path=f"{_BASE}/reauthenticate/passkey/options",
        says="What to ask one's passkeys", handler=_at(SignInDesk.passkey_again_options), answer=answers.PasskeyAsk,
    )  # fmt: skip
    yield _own_act(
        name="session.passkey", method="POST", path=f"{_BASE}/reauthenticate/passkey",
        says="Who one is, once more, by a passkey", handler=_at(SignInDesk.passkey_again), body=answers.PasskeyBody,
        answer=answers.SessionView,
    )  # fmt: skip
    yield _own(
        name="openid.again", method="GET", path=f"{_BASE}/reauthenticate/oidc", status=303,
        says="To the city's own sign-in, which asks again", handler=_at(SignInDesk.city_again),
    )  # fmt: skip


def _own_factors() -> Iterator[Endpoint]:
    yield _own_act(
        name="password.changed", method="POST", path=f"{_BASE}/password", status=204,
        says="Another password; one's other sessions end", handler=_at(SignInDesk.change_password),
        body=answers.ChangePasswordBody,
    )  # fmt: skip
    yield _own(
        name="factor.list", method="GET", path=f"{_BASE}/factors", says="One's second factors",
        handler=_at(SignInDesk.factors), answer=list[answers.FactorRow],
    )  # fmt: skip
    yield _own(
        name="factor.code_asked", method="POST", path=f"{_BASE}/factors/totp", needs_fresh_sign_in=True,
        says="A telephone's new secret", handler=_at(SignInDesk.code_asked), answer=answers.NewCode,
    )  # fmt: skip
    yield _fresh_act(
        name="factor.code_added", method="POST", path=f"{_BASE}/factors/totp/confirm", status=204,
        says="Its first code: from now on it is the factor", handler=_at(SignInDesk.code_added), body=answers.CodeBody,
    )  # fmt: skip
    yield _own(
        name="factor.passkey_asked", method="POST", path=f"{_BASE}/factors/passkey/options",
        needs_fresh_sign_in=True, says="A passkey to be made", handler=_at(SignInDesk.passkey_asked),
        answer=answers.PasskeyAsk,
    )  # fmt: skip
    yield _fresh_act(
        name="factor.passkey_added", method="POST", path=f"{_BASE}/factors/passkey", status=204,
        says="It is made", handler=_at(SignInDesk.passkey_added), body=answers.PasskeyBody,
    )  # fmt: skip
    yield _fresh_act(
        name="factor.recovery_made", method="POST", path=f"{_BASE}/factors/recovery",
        says="Ten codes for the day the telephone is lost, shown once; those before are void",
        handler=_at(SignInDesk.recovery_made), answer=answers.RecoveryCodes,
    )  # fmt: skip
    yield _fresh_act(
        name="factor.removed", method="DELETE", path=f"{_BASE}/factors/{{id}}", status=204,
        says="A factor goes; not the last one of a role that needs one", handler=_at(SignInDesk.remove_factor),
    )  # fmt: skip
