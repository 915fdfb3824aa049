"""Sessions: how they end, by whom, and what a stolen one is worth; on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cior_console.sign_in import cookies
from cior_core.people import Grant, Person, Session, SessionKind
from cior_core.privacy import Role
from cior_register import people, sessions
from engines.registers import RegisterPlace
from integration.console.people_rig import PASSWORD, Browser, Centre, centre
from integration.console.test_console_sign_in import CHROME, HOUR_S


@pytest.fixture
async def here(register_place: RegisterPlace) -> AsyncIterator[Centre]:
    async with centre(register_place) as running:
        yield running


@pytest.fixture
async def ana(here: Centre) -> Browser:
    """An operator who is signed in."""
    await here.add("agomez", Role.OPERATOR, Role.SUPERVISOR)
    browser = here.browser()
    browser.secret = await here.enrolled(browser, "agomez")  # type: ignore[attr-defined]
    return browser


async def confirmed(here: Centre, who: Browser) -> None:
    """She shows again who she is."""
    status, said = await who.post("reauthenticate", {"code": here.code(who.secret)})  # type: ignore[attr-defined]
    assert status == 200, said


async def rules(here: Centre) -> list[str]:
    return [row.entry.rule for row in await here.acts("session.ended")]


async def test_an_hour_without_use_ends_it_and_a_shift_of_use_does_not(here: Centre, ana: Browser) -> None:
    for _ in range(13):
        here.pass_s(HOUR_S - 10)
        assert (await ana.get("session"))[0] == 200
    here.pass_s(HOUR_S)
    assert (await ana.get("session"))[0] == 401, "thirteen hours in all"


async def test_unused_it_ends_and_the_ledger_says_why(here: Centre, ana: Browser) -> None:
    here.pass_s(HOUR_S)
    assert (await ana.get("session"))[0] == 401
    assert await rules(here) == ["idle"]
    here.clock.now_ms -= HOUR_S * 1000
    assert (await ana.get("session"))[0] == 401, "it stays over, whatever a clock says"


async def test_nobody_comes_and_it_is_swept_up(here: Centre, ana: Browser) -> None:
    here.pass_s(HOUR_S)
    await here.desk.flow.live.sweep()
    assert await rules(here) == ["idle"]


async def test_a_disabled_person_is_out_at_once(here: Centre, ana: Browser) -> None:
    """By a command in another process: the console hears nothing of it but what the register says."""
    await here.do(lambda c: people.set_disabled(c, "p-agomez", disabled=True, now_ms=here.clock.now_ms))
    here.pass_s(1)
    assert (await ana.get("session"))[0] == 401
    assert (await ana.post("sign-in", {"login": "agomez", "password": PASSWORD}))[0] == 401


async def test_a_role_that_was_taken_away_is_gone_at_once(here: Centre, ana: Browser) -> None:
    await here.do(lambda c: people.withdraw(c, "p-agomez", Role.OPERATOR, now_ms=here.clock.now_ms))
    here.pass_s(1)
    assert (await ana.get("session"))[0] == 401


async def test_a_narrower_scope_holds_at_once_and_a_new_name_too(here: Centre, ana: Browser) -> None:
    from cior_core.people import Scope

    narrow = Grant(Role.OPERATOR, Scope(districts=("norte",)))
    await here.do(lambda c: people.grant(c, "p-agomez", narrow))
    await here.do(lambda c: people.rename(c, "p-agomez", name="Ana Gómez", language="en"))
    here.pass_s(1)
    _, session = await ana.get("session")
    assert (session["scope"]["districts"], session["name"], session["language"]) == (
        ["norte"],
        "Ana Gómez",
        "en",
    )


async def test_a_stolen_token_in_another_kind_of_browser_ends_the_session(here: Centre, ana: Browser) -> None:
    thief = here.browser(CHROME)
    thief.cookies[cookies.SESSION] = ana.cookies[cookies.SESSION]
    assert (await thief.get("session"))[0] == 401
    assert await rules(here) == ["other_browser"]
    assert (await ana.get("session"))[0] == 401, "hers too: somebody has it"


async def test_the_list_of_ones_sessions_and_ending_one(here: Centre, ana: Browser) -> None:
    here.pass_s(60)
    phone = here.browser(CHROME)
    _, step = await phone.post("sign-in", {"login": "agomez", "password": PASSWORD})
    code = here.code(ana.secret)  # type: ignore[attr-defined]
    await phone.post("sign-in/totp", {"ticket": step["ticket"], "code": code})
    _, rows = await ana.get("sessions")
    assert [(row["label"], row["is_this"]) for row in rows] == [
        ("Chrome · Windows", False),
        ("Firefox · Linux", True),
    ]
    status, _ = await ana.ask("DELETE", f"/api/v1/sessions/{rows[0]['id']}")
    assert status == 204
    assert (await phone.get("session"))[0] == 401
    assert (await ana.get("session"))[0] == 200
    assert await rules(here) == ["by_owner"]


async def test_nobody_ends_anothers_session(here: Centre, ana: Browser) -> None:
    await here.add("bruno", Role.OPERATOR)
    bruno = here.browser()
    await here.enrolled(bruno, "bruno")
    _, rows = await ana.get("sessions")
    status, said = await bruno.ask("DELETE", f"/api/v1/sessions/{rows[0]['id']}")
    assert (status, said["code"]) == (404, "sign_in.no_such_session")
    assert (await ana.get("session"))[0] == 200


async def test_after_sign_out_the_token_is_worth_nothing(here: Centre, ana: Browser) -> None:
    token = ana.cookies[cookies.SESSION]
    await ana.post("sign-out")
    ana.cookies[cookies.SESSION] = token
    assert (await ana.get("session"))[0] == 401


async def test_another_role_is_another_session(here: Centre, ana: Browser) -> None:
    before = ana.cookies[cookies.SESSION]
    status, step = await ana.post("session/role", {"role": "supervisor"})
    assert (status, step["session"]["role"]) == (200, "supervisor")
    assert (await ana.post("session/role", {"role": "auditor"}))[0] == 403
    ana.cookies[cookies.SESSION] = before
    assert (await ana.get("session"))[0] == 401


async def test_a_role_that_shows_more_asks_first_who_she_is_and_one_that_shows_less_does_not(
    here: Centre, ana: Browser
) -> None:
    here.pass_s(HOUR_S / 2)
    status, said = await ana.post("session/role", {"role": "supervisor"})
    assert (status, said["code"]) == (401, "session.not_fresh")
    assert (await ana.get("session"))[1]["role"] == "operator", "what was refused changed nothing"
    await confirmed(here, ana)
    assert (await ana.post("session/role", {"role": "supervisor"}))[0] == 200
    here.pass_s(HOUR_S / 2)
    assert (await ana.post("session/role", {"role": "operator"}))[0] == 200
    rows = await here.acts("session.role")
    told = [(row.entry.outcome.value, row.entry.role, row.entry.detail.get("role_before")) for row in rows]
    assert told == [
        ("refused", "operator", None), ("allowed", "supervisor", "operator"), ("allowed", "operator", "supervisor"),
    ]  # fmt: skip


async def test_another_role_makes_no_session_younger(here: Centre, ana: Browser) -> None:
    """Who could refresh a session by changing roles would open what is delicate without ever showing who they are."""
    _, before = await ana.get("session")
    here.pass_s(HOUR_S / 2)
    await confirmed(here, ana)
    _, shown = await ana.get("session")
    here.pass_s(240)
    _, step = await ana.post("session/role", {"role": "supervisor"})
    after = step["session"]
    assert (after["created_ms"], after["expires_ms"]) == (before["created_ms"], before["expires_ms"])
    assert after["fresh_until_ms"] == shown["fresh_until_ms"]
    here.pass_s(120)
    status, said = await ana.post("displays", {"name": "Sala"})
    assert (status, said["code"]) == (401, "session.not_fresh")


async def test_who_she_is_must_be_fresh_for_what_is_delicate(here: Centre, ana: Browser) -> None:
    here.pass_s(HOUR_S / 2)
    status, said = await ana.post("factors/totp")
    assert (status, said["code"]) == (401, "session.not_fresh")
    status, said = await ana.post("reauthenticate", {"password": PASSWORD})
    assert (status, said["code"]) == (409, "sign_in.factor_wanted")
    status, said = await ana.post("reauthenticate", {"code": "000000"})
    assert (status, said["code"]) == (401, "sign_in.code_wrong")
    code = here.code(ana.secret)  # type: ignore[attr-defined]
    status, session = await ana.post("reauthenticate", {"code": code})
    assert status == 200
    assert session["fresh_until_ms"] > here.clock.now_ms
    assert (await ana.post("factors/totp"))[0] == 200
    rows = [row.entry.outcome.value for row in await here.acts("session.confirmed")]
    assert rows == ["refused", "refused", "allowed"], "a wrong answer is in the ledger too"


async def test_the_last_second_factor_stays(here: Centre, ana: Browser) -> None:
    status, said = await ana.ask("DELETE", "/api/v1/factors/totp")
    assert (status, said["code"]) == (409, "sign_in.last_factor")
    assert [row["method"] for row in (await ana.get("factors"))[1]] == ["totp"]


async def test_a_new_password_ends_every_other_session(here: Centre, ana: Browser) -> None:
    here.pass_s(60)
    phone = here.browser(CHROME)
    _, step = await phone.post("sign-in", {"login": "agomez", "password": PASSWORD})
    code = here.code(ana.secret)  # type: ignore[attr-defined]
    await phone.post("sign-in/totp", {"ticket": step["ticket"], "code": code})
    new = "cuatro perros en la plaza"
    assert (await ana.post("password", {"old": "no es", "password": new}))[0] == 401
    assert (await ana.post("password", {"old": PASSWORD, "password": new}))[0] == 204
    assert (await phone.get("session"))[0] == 401
    assert (await ana.get("session"))[0] == 200


async def test_while_the_register_is_away_who_is_in_stays_in_and_nobody_comes_in(
    register_place: RegisterPlace,
) -> None:
    async with centre(register_place) as here:
        await here.add("agomez", Role.OPERATOR)
        ana = here.browser()
        await here.enrolled(ana, "agomez")
        await ana.get("session")
        here.register.close()
        here.register._readers.dispose()
        here.pass_s(2)

        async def away(_query: object) -> None:
            from cior_register import faults

            raise faults.away()

        here.desk.flow.means.register.read = away  # type: ignore[method-assign, assignment]
        assert (await ana.get("session"))[0] == 200
        status, said = await here.browser().post("sign-in", {"login": "agomez", "password": PASSWORD})
        assert (status, said["code"]) == (503, "register.away")
        stranger = here.browser()
        stranger.cookies[cookies.SESSION] = cookies.new_token()
        assert (await stranger.get("session"))[0] == 503


async def test_a_wall_has_an_account_that_can_only_look(here: Centre, ana: Browser) -> None:
    await ana.post("session/role", {"role": "supervisor"})
    status, made = await ana.post("displays", {"name": "Sala, pared norte", "districts": ["norte"]})
    assert status == 200, made
    wall = here.browser(CHROME)
    status, step = await wall.post("sign-in/display", {"code": made["code"].lower()})
    assert (status, step["session"]["role"], step["session"]["kind"]) == (200, "wall", "display")
    assert step["session"]["scope"]["districts"] == ["norte"]
    assert "Max-Age=31536000" in next(line for line in wall.said if line.startswith("__Host-cior_session"))
    assert (await here.browser().post("sign-in/display", {"code": made["code"]}))[0] == 401, "once"
    here.pass_s(20 * 24 * HOUR_S)
    assert (await wall.get("session"))[0] == 200, "it comes back by itself"
    for path in ("sessions", "factors"):
        assert (await wall.get(path))[0] == 403
    assert (await wall.post("displays", {"name": "otra"}))[0] == 403
    rows = await here.acts("display.planned", "display.enrolled")
    acts = [row.entry for row in rows if row.entry.outcome == "allowed"]
    assert [(each.act, each.actor) for each in acts] == [
        ("display.planned", "p-agomez"), ("display.enrolled", "p-agomez"),
    ]  # fmt: skip
    await here.do(lambda c: people.set_disabled(c, acts[1].subject, disabled=True, now_ms=here.clock.now_ms))
    here.pass_s(1)
    assert (await wall.get("session"))[0] == 401


async def test_a_walls_session_shown_by_another_kind_of_browser_opens_nothing_and_the_wall_stays_lit(
    here: Centre, ana: Browser
) -> None:
    """Its token lasts a year and may be copied off the machine behind the screen."""
    await ana.post("session/role", {"role": "supervisor"})
    _, made = await ana.post("displays", {"name": "Sala"})
    wall, thief = here.browser(CHROME), here.browser()
    assert (await wall.post("sign-in/display", {"code": made["code"]}))[0] == 200
    thief.cookies |= wall.cookies
    assert (await thief.get("session"))[0] == 401
    here.pass_s(2)
    assert (await thief.get("session"))[0] == 401
    assert (await wall.get("session"))[0] == 200, "nobody puts a wall out by showing its token"


async def test_a_wall_that_was_enrolled_by_an_earlier_release_stays_lit(here: Centre) -> None:
    """Its session carried the wall's name, and nothing of its browser."""
    now_ms, token = here.clock.now_ms, "of-an-earlier-release"
    person = Person(id="display-1", login="display-1", name="Sala", grants=(Grant(Role.WALL),))
    session = Session(
        id="s-1", person_id=person.id, role=Role.WALL, kind=SessionKind.DISPLAY, created_ms=now_ms,
        expires_ms=now_ms + 3_600_000, factors=("display",), label="Sala",
    )  # fmt: skip

    def enrol(connection: Any) -> None:
        people.add(connection, person, now_ms=now_ms)
        sessions.begin(connection, session, token=token)

    await here.do(enrol)
    wall = here.browser(CHROME)
    wall.cookies["__Host-cior_session"] = token
    assert (await wall.get("session"))[0] == 200


async def test_a_displays_code_is_short_lived_and_cannot_be_guessed(here: Centre, ana: Browser) -> None:
    await ana.post("session/role", {"role": "supervisor"})
    _, made = await ana.post("displays", {"name": "Sala"})
    here.pass_s(901)
    assert (await here.browser().post("sign-in/display", {"code": made["code"]}))[0] == 401
    answers = [(await here.browser().post("sign-in/display", {"code": f"AAAAA{n}"}))[0] for n in range(8)]
    assert answers[-1] == 429
