"""Being wrong is remembered over a restart of the console; it shuts nobody out, and writes no more than is refused."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from cior_core.privacy import Role
from cior_register.tables import LOCKOUTS
from engines.registers import RegisterPlace
from integration.console.people_rig import PASSWORD, Browser, Centre, centre

WRONG = {"login": "agomez", "password": "cuatro perros bajo el sol"}
RIGHT = {"login": "agomez", "password": PASSWORD}
GARBAGE = {"rawId": "AAAA", "id": "AAAA", "type": "public-key", "response": {}}


@pytest.fixture
async def place(register_place: RegisterPlace) -> RegisterPlace:
    async with centre(register_place) as first:
        await first.add("agomez", Role.OPERATOR)
    return register_place


async def guess(here: Centre, times: int) -> list[int]:
    """Somebody with a browser of his own guesses: what each was answered."""
    thief = here.browser()
    return [(await thief.post("sign-in", WRONG))[0] for _ in range(times)]


async def knows(here: Centre) -> Browser:
    """Her own browser, in which she signed in before."""
    hers = here.browser()
    await here.enrolled(hers, "agomez")
    return hers


async def rows(here: Centre) -> int:
    found: int = await here.register.read(
        lambda c: c.execute(select(func.count()).select_from(LOCKOUTS)).scalar_one()
    )
    return found


async def test_a_restart_gives_a_guesser_no_new_tries_and_keeps_nobody_from_her_desk(
    place: RegisterPlace,
) -> None:
    async with centre(place) as here:
        hers = await knows(here)
        assert await guess(here, 6) == [401, 401, 401, 401, 429, 429]
        now_ms = here.clock.now_ms
    async with centre(place) as again:
        again.clock.now_ms = now_ms
        assert await guess(again, 1) == [429], "the console is new, what he did is not"
        desk = again.browser()
        desk.cookies = dict(hers.cookies)
        assert (await desk.post("sign-in", RIGHT))[0] == 200, "in her own browser only her own slips count"
        again.pass_s(3)
        assert await guess(again, 2) == [401, 429], "the delay ended, the next one is longer"
    async with centre(place) as later:
        later.clock.now_ms = now_ms + 2 * 3_600_000
        assert await guess(later, 4) == [401] * 4, "after two hours it is forgotten"


async def test_what_was_right_in_the_end_is_not_held_against_anybody_after_a_restart(
    place: RegisterPlace,
) -> None:
    async with centre(place) as here:
        elsewhere, secret = here.browser(), await here.enrolled(here.browser(), "agomez")
        here.pass_s(60)
        for _ in range(3):
            assert (await elsewhere.post("sign-in", WRONG))[0] == 401
        assert await rows(here) == 3
        _, step = await elsewhere.post("sign-in", RIGHT)
        await elsewhere.post("sign-in/totp", {"ticket": step["ticket"], "code": here.code(secret)})
        assert (await elsewhere.get("session"))[0] == 200
        await here.do(lambda _c: None)
        assert await rows(here) == 2, "her own pair is forgotten; what strangers did to the account is not"
    async with centre(place) as again:
        assert await guess(again, 4) == [401, 401, 401, 401]


async def test_knocking_writes_nothing_while_a_delay_runs(place: RegisterPlace) -> None:
    """Neither a row of the ledger nor one of the counters: whoever knocks a thousand times made five rows."""
    async with centre(place) as here:
        await guess(here, 5)
        before, kept = len(await here.acts()), await rows(here)
        assert set(await guess(here, 50)) == {429}
        assert (len(await here.acts()), await rows(here)) == (before, kept)


async def test_answers_of_no_passkey_fill_no_ledger(place: RegisterPlace) -> None:
    async with centre(place) as here:
        thief, told = here.browser(), []
        for _ in range(40):
            _, asked = await thief.post("sign-in/passkey/options", {})
            status, said = await thief.post("sign-in/passkey", {"ticket": asked["ticket"], "answer": GARBAGE})
            told.append((status, said["code"]))
        assert told[:20] == [(401, "sign_in.passkey")] * 20
        assert set(told[20:]) == {(429, "sign_in.wait")}
        assert len(await here.acts("sign_in.refused", "sign_in.locked")) == 20
