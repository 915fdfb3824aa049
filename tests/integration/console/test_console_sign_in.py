"""People sign in: password, second factor, session; on a register of SQLite and on one of PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from cior_console.sign_in import cookies
from cior_core.privacy import Role
from cior_register import people
from engines.registers import RegisterPlace
from integration.console.people_rig import PASSWORD, Centre, centre

CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
HOUR_S = 3600


@pytest.fixture
async def here(register_place: RegisterPlace) -> AsyncIterator[Centre]:
    async with centre(register_place) as running:
        yield running


async def test_an_operator_signs_in_with_a_telephone_and_out_again(here: Centre) -> None:
    await here.add("agomez", Role.OPERATOR, Role.SUPERVISOR)
    ana = here.browser()
    secret = await here.enrolled(ana, "agomez")
    status, session = await ana.get("session")
    assert status == 200
    assert (session["login"], session["role"], session["roles"]) == (
        "agomez", "operator", ["operator", "supervisor"],
    )  # fmt: skip
    assert session["factors"] == ["password", "totp"]
    assert (await ana.post("sign-out"))[0] == 200
    assert cookies.SESSION not in ana.cookies
    here.pass_s(60)

    _, step = await ana.post("sign-in", {"login": " AGomez ", "password": PASSWORD, "role": "supervisor"})
    assert (step["state"], step["methods"]) == ("second_factor", ["totp"])
    status, done = await ana.post("sign-in/totp", {"ticket": step["ticket"], "code": here.code(secret)})
    assert (status, done["session"]["role"]) == (200, "supervisor")
    assert [row.entry.act for row in await here.acts()] == [
        "people.add", "factor.added", "sign_in", "sign_out", "sign_in.code", "sign_in",
    ]  # fmt: skip


async def test_the_cookie_is_the_hosts_alone_and_its_token_is_not_in_the_register(here: Centre) -> None:
    await here.add("agomez", Role.OPERATOR)
    ana = here.browser()
    await here.enrolled(ana, "agomez")
    line = next(each for each in ana.said if each.startswith("__Host-cior_session="))
    for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in line
    assert "Domain" not in line
    assert "Max-Age" not in line, "it goes with the browser"
    token = ana.cookies[cookies.SESSION]
    for row in await here.acts():
        assert token.encode() not in msgspec.json.encode(row)


async def test_the_cookie_of_before_the_sign_in_opens_nothing_after_it(here: Centre) -> None:
    """Session fixation: what somebody planted in the browser is not what the sign-in makes good."""
    await here.add("agomez", Role.OPERATOR)
    ana, thief = here.browser(), here.browser()
    planted = cookies.new_token()
    ana.cookies[cookies.SESSION] = thief.cookies[cookies.SESSION] = planted
    await here.enrolled(ana, "agomez")
    assert ana.cookies[cookies.SESSION] != planted
    assert (await thief.get("session"))[0] == 401


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("agomez", "otra cosa distinta"),
        ("nadie", PASSWORD),
        ("ido", PASSWORD),
        ("\u202eagomez", PASSWORD),
        ("a" * 128, "xyz-no-es"),
    ],
)
async def test_what_is_wrong_is_answered_alike_and_never_written_as_it_was_typed(
    here: Centre, login: str, password: str
) -> None:
    await here.add("agomez", Role.OPERATOR)
    ido = await here.add("ido", Role.OPERATOR)
    await here.do(lambda c: people.set_disabled(c, ido.id, disabled=True, now_ms=here.clock.now_ms))
    status, said = await here.browser().post("sign-in", {"login": login, "password": password})
    assert (status, said["code"]) == (401, "sign_in.wrong")
    rows = await here.acts("sign_in.refused")
    assert len(rows) == 1
    assert rows[0].entry.actor == "visitor"
    written = msgspec.json.encode(await here.acts())
    assert password.encode() not in written
    if login not in ("agomez", "ido"):
        assert login.encode() not in written


async def test_a_password_typed_into_the_field_of_the_name_is_nowhere(here: Centre) -> None:
    await here.add("agomez", Role.OPERATOR)
    await here.browser().post("sign-in", {"login": PASSWORD, "password": "x"})
    await here.browser().post("sign-in", {"login": PASSWORD, "password": "x"})
    rows = await here.acts("sign_in.refused")
    assert PASSWORD.encode() not in msgspec.json.encode(rows)
    assert rows[0].entry.subject == rows[1].entry.subject, "the same one again, as an auditor sees"


async def test_too_many_tries_wait_and_the_owners_browser_does_not(here: Centre) -> None:
    await here.add("agomez", Role.OPERATOR)
    ana, thief = here.browser(), here.browser(CHROME)
    secret = await here.enrolled(ana, "agomez")
    tries = [await thief.post("sign-in", {"login": "agomez", "password": f"intento {n}"}) for n in range(8)]
    assert [status for status, _ in tries] == [401] * 4 + [429] * 4
    assert tries[-1][1]["retry_after_s"] > 0
    locked = await here.acts("sign_in.locked")
    assert len(locked) == 1, "the one after which there is waiting"
    assert locked[0].entry.detail["wait_s"] == 2
    here.pass_s(30)
    await ana.post("sign-out")
    _, step = await ana.post("sign-in", {"login": "agomez", "password": PASSWORD})
    assert step["state"] == "second_factor", "her own browser: she comes in while he tries"
    assert (await ana.post("sign-in/totp", {"ticket": step["ticket"], "code": here.code(secret)}))[0] == 200


async def test_a_code_is_good_once_for_whoever_shows_it(here: Centre) -> None:
    await here.add("agomez", Role.OPERATOR)
    ana, thief = here.browser(), here.browser()
    secret = await here.enrolled(ana, "agomez")
    here.pass_s(60)
    code = here.code(secret)
    for browser, expected in ((ana, 200), (thief, 401)):
        _, step = await browser.post("sign-in", {"login": "agomez", "password": PASSWORD})
        status, _ = await browser.post("sign-in/totp", {"ticket": step["ticket"], "code": code})
        assert status == expected
    refused = [row for row in await here.acts("sign_in.code") if row.entry.outcome == "refused"]
    assert [row.entry.rule for row in refused] == ["sign_in.code"]


async def test_wrong_codes_use_the_ticket_up(here: Centre) -> None:
    await here.add("agomez", Role.OPERATOR)
    secret = await here.enrolled(here.browser(), "agomez")
    here.pass_s(60)
    thief = here.browser()
    _, step = await thief.post("sign-in", {"login": "agomez", "password": PASSWORD})
    answers = []
    for _ in range(6):
        answers.append(
            (await thief.post("sign-in/totp", {"ticket": step["ticket"], "code": "000000"}))[1]["code"]
        )
        here.pass_s(5)
    assert answers == ["sign_in.code_wrong"] * 5 + ["sign_in.ticket"]
    here.pass_s(600)
    assert (await thief.post("sign-in/totp", {"ticket": step["ticket"], "code": here.code(secret)}))[0] == 409


@pytest.mark.parametrize(
    "path", ["sign-in/new-password", "sign-in/factors/totp", "sign-in/factors/passkey/options"]
)
async def test_a_password_alone_changes_nothing_where_there_is_a_second_factor(
    here: Centre, path: str
) -> None:
    """Whoever knows only the password must not get round the telephone by making a new one, or another password."""
    await here.add("agomez", Role.OPERATOR)
    await here.enrolled(here.browser(), "agomez")
    thief = here.browser()
    _, step = await thief.post("sign-in", {"login": "agomez", "password": PASSWORD})
    body = {"ticket": step["ticket"]}
    status, said = await thief.post(
        path, body | ({"password": "mi propia contraseña"} if "password" in path else {})
    )
    assert (status, said["code"]) == (409, "sign_in.ticket")


async def test_the_first_password_must_be_changed_and_a_weak_one_is_refused(here: Centre) -> None:
    await here.add("nuevo", Role.OPERATOR, must_change=True, name="Nuevo Operador")
    browser = here.browser()
    _, step = await browser.post("sign-in", {"login": "nuevo", "password": PASSWORD})
    assert step["state"] == "new_password"
    for password, code in (("corta", "short"), ("contraseña1234", "common"), (PASSWORD, "same")):
        status, said = await browser.post(
            "sign-in/new-password", {"ticket": step["ticket"], "password": password}
        )
        assert (status, said["code"]) == (422, f"sign_in.password_{code}")
    _, step = await browser.post(
        "sign-in/new-password", {"ticket": step["ticket"], "password": "cuatro perros en la plaza"}
    )
    assert step["state"] == "enrol"
    assert (await browser.post("sign-in", {"login": "nuevo", "password": PASSWORD}))[0] == 401


async def test_a_role_that_sees_nobody_signs_in_with_a_password(here: Centre) -> None:
    """The demand comes from the privacy table: no list of roles stands anywhere else."""
    from cior_console.sign_in.duties import guarded_roles
    from integration.console.people_rig import policy

    free = set(Role) - guarded_roles(policy()) - {Role.WALL}
    assert {Role.OPERATOR, Role.SUPERVISOR, Role.RESPONSE_TEAM, Role.AUDITOR} <= guarded_roles(policy())
    for role in free:
        await here.add(f"sola-{role.value.replace('_', '-')}", role)
        _, step = await here.browser().post(
            "sign-in", {"login": f"sola-{role.value.replace('_', '-')}", "password": PASSWORD}
        )
        assert step["state"] == "signed_in"


async def test_nobody_without_a_role_or_in_a_role_of_others(here: Centre) -> None:
    await here.add("nadie")
    await here.add("agomez", Role.OPERATOR)
    assert (await here.browser().post("sign-in", {"login": "nadie", "password": PASSWORD}))[0] == 401
    ana = here.browser()
    _, step = await ana.post("sign-in", {"login": "agomez", "password": PASSWORD, "role": "auditor"})
    _, made = await ana.post("sign-in/factors/totp", {"ticket": step["ticket"]})
    status, said = await ana.post(
        "sign-in/factors/totp/confirm", {"ticket": made["ticket"], "code": here.code(made["secret"])}
    )
    assert (status, said["code"]) == (403, "sign_in.role")


async def test_half_a_sign_in_is_over_after_five_minutes(here: Centre) -> None:
    await here.add("agomez", Role.OPERATOR)
    ana = here.browser()
    _, step = await ana.post("sign-in", {"login": "agomez", "password": PASSWORD})
    here.pass_s(301)
    assert (await ana.post("sign-in/factors/totp", {"ticket": step["ticket"]}))[1]["code"] == "sign_in.ticket"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Origin": "http://localhost:1"}, "sign_in.origin"),
        ({"Origin": ""}, "sign_in.origin"),
        ({"Sec-Fetch-Site": "same-site"}, "sign_in.fetch_site"),
        ({"Content-Type": "text/plain"}, "sign_in.content_type"),
    ],
)
async def test_another_page_cannot_act_in_her_name(here: Centre, change: dict[str, str], code: str) -> None:
    await here.add("agomez", Role.OPERATOR)
    ana = here.browser()
    await here.enrolled(ana, "agomez")
    status, said = await ana.post("sign-out", {}, **change)
    assert said["code"] == code
    assert status in (403, 415)
    assert (await ana.get("session"))[0] == 200, "still signed in"


async def test_a_megabyte_and_nonsense_are_refused(here: Centre) -> None:
    browser = here.browser()
    assert (await browser.post("sign-in", {"login": "x", "password": "y" * 900_000}))[0] == 413
    nonsense: list[Any] = [
        [],
        {"login": "x"},
        {"login": 1, "password": "x"},
        {"login": "x", "password": "y", "z": 1},
    ]
    for body in nonsense:
        assert (await browser.post("sign-in", body))[0] == 422
