"""What a person writes with an act on a silent alert stands nowhere: not signed, told or in the ledger (law 17)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_core import codec
from cior_core.discreet_acts import WITHHELD
from cior_core.model import DataClass, TypeCode
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import people
from integration.console.api_rig import Office, act, got, office

CANARY = "CANARY-Rosa-Juárez-pasillo-3"
ACTS: tuple[dict[str, Any], ...] = (
    {"kind": "acknowledge"},
    {"kind": "note"},
    {"kind": "hold"},
    {"kind": "dispatch", "agency": "police"},
    {"kind": "confirm"},
    {"kind": "assign", "assignee": "p-sol"},
    {"kind": "close", "disposition": "confirmed"},
    {"kind": "reopen"},
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


async def employed(here: Office, who: Person) -> None:
    """Somebody whom the register knows."""
    added = LedgerEntry(at_ms=1, actor="test", act="people.add")
    await here.register.act(added, lambda each: people.add(each, who, now_ms=1))


async def silent_press(here: Office) -> str:
    """Somebody presses a silent button, and the feed has it."""
    found = here.centre.press(7, type=TypeCode("silent.gbv"), data_class=DataClass.SEALED)
    await asyncio.sleep(0.02)
    return found


def whole(here: Office, folder: Path) -> str:
    """All that was written and told: the register's files, the bus, what the core tells and remembers."""
    files = b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    sent = b"".join(codec.encode(each) for each in here.centre.sent)
    core = msgspec.json.encode([here.centre.effects, here.centre.state.alerts])
    return (files + sent + core).decode(errors="replace")


async def all_acts(here: Office, alert_id: str, words: str, *, keys: str) -> list[tuple[int, Any]]:
    """Every act that takes a reason, by the team; one more by the room, which may not; and one of an unknown alert."""
    url = f"{here.url}/api/v1/alerts/{alert_id}/acts"
    answers = []
    async with here.signed_in(Role.RESPONSE_TEAM, login="mar") as team:
        for n, asked in enumerate(ACTS):
            answers.append(await act(team, url, asked | {"reason": words}, key=f"{keys}-key-{n}"))
        _, page = await got(team, f"{here.url}/api/v1/alerts/{alert_id}")
        answers.append((200, page))
    async with here.signed_in(Role.OPERATOR, login="ana") as room:
        answers.append(await act(room, url, {"kind": "note", "reason": words}, key=f"{keys}-key-room"))
    return answers


async def test_law_17_the_words_of_an_act_on_a_silent_alert_stand_nowhere(
    here: Office, tmp_path: Path
) -> None:
    alert_id = await silent_press(here)
    answers = await all_acts(here, alert_id, CANARY, keys="one")
    assert [status for status, _ in answers] == [200] * (len(ACTS) + 1) + [403]
    assert {each.kind.value for each in here.centre.sent} == {each["kind"] for each in ACTS}
    assert {each.reason for each in here.centre.sent} == {WITHHELD}, "that there were words is told"
    nobody_wrote_it(whole(here, tmp_path) + str(answers))


def nobody_wrote_it(told: str) -> None:
    """No word of the canary, and the mark that stands for it."""
    assert WITHHELD in told
    assert [word for word in CANARY.split("-")[1:3] if word in told] == []


async def test_law_17_a_post_changes_hands_with_a_silent_alert_and_no_word_of_it(
    here: Office, tmp_path: Path
) -> None:
    alert_id = await silent_press(here)
    for login in ("ana", "eva"):
        await employed(
            here, Person(id=f"p-{login}", login=login, name=login, grants=(Grant(Role.SUPERVISOR),))
        )
    async with here.signed_in(Role.SUPERVISOR, login="ana") as ana:
        assert (await act(ana, f"{here.url}/api/v1/shift", {"post": "puesto-1"}))[0] == 200
        taken = await act(
            ana, f"{here.url}/api/v1/alerts/{alert_id}/acts", {"kind": "acknowledge", "reason": CANARY}
        )
        assert taken[0] == 200
        left = [{"alert_id": alert_id, "why": CANARY}]
        told = {"post": "puesto-1", "assignee": "p-eva", "reason": CANARY, "open_alerts": left}
        status, answer = await act(ana, f"{here.url}/api/v1/shift/hand-over", told)
        assert (status, answer["state"]) == (200, "applied")
        _, shift = await got(ana, f"{here.url}/api/v1/shift")
        assert shift["hand_overs"][0]["open_alerts"] == [{"alert_id": alert_id, "why": WITHHELD}]
    nobody_wrote_it(whole(here, tmp_path))


async def test_law_17_two_centres_whose_people_wrote_other_words_tell_the_same(tmp_path: Path) -> None:
    """Not even a digest of the words is kept: who holds all of it cannot tell which of two reasons was given."""
    worlds = []
    for words in ("fue Rosa Juárez", "se equivocó de botón, nadie sabe quién es"):
        folder = tmp_path / secrets.token_hex(4)
        folder.mkdir()
        async with office(folder) as here:
            alert_id = await silent_press(here)
            answers = await all_acts(here, alert_id, words, keys="same")
            again = await all_acts(here, alert_id, "con otras palabras", keys="same")
            assert [status for status, _ in again] == [status for status, _ in answers]
            worlds.append(
                (
                    answers,
                    [codec.encode(each) for each in here.centre.sent],
                    msgspec.json.encode(here.centre.effects),
                    [(row.act, row.subject, row.reason, row.detail) for row in here.register.rows],
                )
            )
    assert worlds[0] == worlds[1]


async def test_the_words_of_an_act_on_any_other_alert_are_kept(here: Office) -> None:
    loud = here.centre.press(1)
    await asyncio.sleep(0.02)
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        url = f"{here.url}/api/v1/alerts/{loud}/acts"
        assert (await act(browser, url, {"kind": "note", "reason": "llamó el chofer"}))[0] == 200
    assert here.centre.alert(loud).notes == ("llamó el chofer",)
    assert here.register.rows[-1].reason == "llamó el chofer"
