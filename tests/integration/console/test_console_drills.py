"""Drills over real HTTP, into a real register and through the real core: marked everywhere, heard by nobody outside,
measured, and kept apart. And the load of the room, which none of them is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cior_core.model import ActionKind, AlertStatus, CommandKind, Disposition
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import people
from integration.console.api_rig import Office, act, got, office, stream_of

HEARD = {CommandKind.SIREN_ON, CommandKind.NOTIFY, CommandKind.TASK}
TWO: tuple[dict[str, Any], ...] = (
    {"type": "gun.shooting", "place": {"district": "centro"}, "text": "dos disparos en la plaza"},
    {"type": "panic.community", "place": {"district": "sur"}},
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        who = Person(id="p-jefa", login="jefa", name="Jefa", grants=(Grant(Role.SUPERVISOR),))
        added = LedgerEntry(at_ms=1, actor="test", act="people.add")
        await running.register.act(added, lambda each: people.add(each, who, now_ms=1))
        yield running


@pytest.fixture
async def jefa(here: Office) -> AsyncIterator[aiohttp.ClientSession]:
    async with here.signed_in(Role.SUPERVISOR, login="jefa") as browser:
        yield browser


def body(**changes: Any) -> dict[str, Any]:
    return {"title": "Tiroteo en la plaza", "reason": "ensayo del turno", "incidents": list(TWO)} | changes


async def begun(here: Office, jefa: aiohttp.ClientSession, **changes: Any) -> dict[str, Any]:
    status, drill = await act(jefa, f"{here.url}/api/v1/drills", body(**changes))
    assert status == 200, drill
    await asyncio.sleep(0.05)
    return dict(drill)


async def test_a_drill_is_marked_as_one_on_all_that_leaves_and_nobody_outside_hears_of_it(
    here: Office, jefa: aiohttp.ClientSession
) -> None:
    drill = await begun(here, jefa)
    alerts = [here.centre.alert(each["alert_id"]) for each in drill["alerts"]]
    assert [each.drill for each in alerts] == [True, True]
    assert [each.type for each in alerts] == ["gun.shooting", "panic.community"]
    heard = [each for each in here.centre.commands if each.kind in HEARD]
    assert heard
    assert all(each.drill and each.is_kept_quiet for each in heard)
    async with here.signed_in(Role.WALL) as wall:
        [(_, _, snapshot)] = await stream_of(wall, here.url, 1)
    assert [row["drill"] for row in snapshot["alerts"]] == [True, True], "on walls too"
    _, page = await got(jefa, f"{here.url}/api/v1/alerts/{drill['alerts'][0]['alert_id']}")
    assert page["drill"] is True
    starts = [row for row in here.register.rows if row.act == "drill.start"]
    assert [(row.actor, row.subject, row.reason) for row in starts] == [
        ("p-jefa", drill["id"], "ensayo del turno")
    ]


async def test_only_a_drill_that_says_so_rings_real_phones(here: Office, jefa: aiohttp.ClientSession) -> None:
    await begun(here, jefa, rings=True)
    heard = [each for each in here.centre.commands if each.kind in HEARD]
    assert heard
    assert all(each.drill and not each.is_kept_quiet for each in heard), "told as a drill, and told"


async def test_its_times_are_measured_and_stay_when_it_is_over(
    here: Office, jefa: aiohttp.ClientSession
) -> None:
    drill = await begun(here, jefa)
    first, second = (each["alert_id"] for each in drill["alerts"])
    async with here.signed_in(Role.OPERATOR, login="ana") as ana:
        here.clock.now_ms += 7_000
        await act(ana, f"{here.url}/api/v1/alerts/{first}/acts", {"kind": "acknowledge"})
        here.clock.now_ms += 20_000
        await act(ana, f"{here.url}/api/v1/alerts/{first}/acts", {"kind": "dispatch", "agency": "police"})
    await asyncio.sleep(0.05)
    _, [running] = await got(jefa, f"{here.url}/api/v1/drills")
    assert (running["to_acknowledge"], running["to_dispatch"]["median_ms"]) == (
        {"reached": 1, "median_ms": 7_000, "longest_ms": 7_000},
        27_000,
    )
    status, ended = await act(jefa, f"{here.url}/api/v1/drills/{drill['id']}/end", {})
    assert (status, ended["ended_by"]) == (200, "p-jefa")
    closed = [here.centre.alert(each) for each in (first, second)]
    assert [each.status for each in closed] == [AlertStatus.CLOSED, AlertStatus.CLOSED]
    assert {each.disposition for each in closed} == {Disposition.TEST}
    here.feed._closed.clear()  # forgotten, as alerts are
    _, [after] = await got(jefa, f"{here.url}/api/v1/drills")
    assert after["to_acknowledge"] == running["to_acknowledge"]
    assert after["alerts"][0]["assignee"] == "p-ana"
    assert "acknowledged_ms" not in after["alerts"][1], "closing at the end is nobody's answer"


async def test_ending_again_changes_no_result_and_the_same_start_is_one_drill(
    here: Office, jefa: aiohttp.ClientSession
) -> None:
    twice = [await act(jefa, f"{here.url}/api/v1/drills", body(), key="key-of-one-drill") for _ in range(2)]
    assert twice[0][1]["id"] == twice[1][1]["id"]
    assert len([each for each in here.centre.sent if each.kind is ActionKind.OPEN]) == 2
    end = f"{here.url}/api/v1/drills/{twice[0][1]['id']}/end"
    await asyncio.sleep(0.05)
    _, first = await act(jefa, end, {})
    here.clock.now_ms += 60_000
    _, again = await act(jefa, end, {})
    assert again == first
    assert len([each for each in here.centre.sent if each.kind is ActionKind.CLOSE]) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": "  "}, "act.incomplete"),
        ({"incidents": [{"type": "no.such", "place": {"district": "sur"}}]}, "request.malformed"),
        ({"incidents": [{"type": "silent.duress", "place": {"district": "sur"}}]}, "drill.silent"),
        ({"incidents": []}, "request.malformed"),
        ({"incidents": [TWO[0]] * 21}, "request.malformed"),
    ],
    ids=["no reason", "no such type", "silent", "nothing", "too many"],
)
async def test_what_no_drill_may_be_is_refused_and_opens_nothing(
    here: Office, jefa: aiohttp.ClientSession, changes: dict[str, Any], code: str
) -> None:
    status, answer = await act(jefa, f"{here.url}/api/v1/drills", body(**changes))
    assert (status, answer["code"]) == (422, code)
    assert here.centre.sent == []
    assert (await got(jefa, f"{here.url}/api/v1/drills"))[1] == []


@pytest.mark.parametrize(
    "role", [Role.OPERATOR, Role.DISPATCHER, Role.RESPONSE_TEAM, Role.AUDITOR, Role.WALL]
)
async def test_law_9_only_a_supervisor_begins_a_drill(here: Office, role: Role) -> None:
    async with here.signed_in(role) as browser:
        status, _ = await act(browser, f"{here.url}/api/v1/drills", body())
    assert (status, here.centre.sent) == (403, [])


async def test_the_load_counts_what_was_opened_and_closed_meanwhile_and_no_drill(
    here: Office, jefa: aiohttp.ClientSession
) -> None:
    await begun(here, jefa)
    press = here.centre.press(1)
    here.centre.press(2)
    await asyncio.sleep(0.05)
    async with here.signed_in(Role.OPERATOR, login="ana") as ana:
        for kind in ({"kind": "acknowledge"}, {"kind": "close", "disposition": "false_alarm"}):
            await act(ana, f"{here.url}/api/v1/alerts/{press}/acts", kind)
    await asyncio.sleep(0.05)
    _, load = await got(jefa, f"{here.url}/api/v1/load")
    assert (load["opened_10min"], load["opened_24h"]) == (2, 2), "closed in between, and drills are no load"
    assert sum(each["open"] for each in load["shares"]) == 1
    here.clock.now_ms += 3_600_001
    _, later = await got(jefa, f"{here.url}/api/v1/load")
    assert (later["opened_10min"], later["opened_60min"], later["opened_24h"]) == (0, 0, 2)


async def test_the_crisis_team_has_its_own_clock_on_the_page_and_its_step_is_told_not_done(
    here: Office,
) -> None:
    """Mission S16: it comes beside those who answer, with times of its own book."""
    async with here.signed_in(Role.OPERATOR, login="ana") as ana:
        opened = {"type": "gun.shooting", "place": {"district": "centro"}, "text": "disparos"}
        _, answer = await act(ana, f"{here.url}/api/v1/incidents", opened)
        await asyncio.sleep(0.05)
        url = f"{here.url}/api/v1/alerts/{answer['alert_id']}"
        await act(ana, f"{url}/acts", {"kind": "dispatch", "agency": "police"})
        _, page = await got(ana, url)
        steps = {each["step"]: each["outcome"] for each in page["steps"]}
        clock = next(each for each in page["agencies"] if each["agency"] == "crisis_team")
        assert (steps["gun_violence/task_crisis_team"], steps["gun_violence/escalate_scene"]) == (
            "told",
            "open",
        )
        assert steps["gun_violence/escalate_dispatch"] in {"open", "not_needed"}
        assert clock["support"] is True
        status, _ = await act(
            ana, f"{url}/acts", {"kind": "stamp", "agency": "crisis_team", "stage": "accepted"}
        )
        assert status == 200
        await act(ana, f"{url}/acts", {"kind": "step_done", "step": "gun_violence/task_crisis_team"})
        _, after = await got(ana, url)
    assert {each["step"]: each["outcome"] for each in after["steps"]}[
        "gun_violence/task_crisis_team"
    ] == "done"
    assert after["status"] == "dispatched", "the crisis team answers for nobody else"
