"""A flood's line taken in one go (law 16): over real HTTP, into a real register, through the real core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cior_core.model import ActionKind, AlertStatus
from cior_core.privacy import Role
from integration.console.api_rig import Office, act, got, office


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


async def flooded(here: Office, count: int = 20, *, first: int = 100) -> tuple[str, list[str]]:
    """Presses of accounts that nobody registered: the line that they share, and the alerts."""
    ids = [
        here.centre.press(
            first + n, type="panic.alarm", subject=f"panel-{first + n}", registered=False, independence=None
        )
        for n in range(count)
    ]
    await asyncio.sleep(0.05)
    groups = {here.centre.alert(each).group for each in ids}
    assert len(groups) == 1
    assert groups != {""}
    return groups.pop(), ids


def url_of(here: Office, line: str) -> str:
    return f"{here.url}/api/v1/lines/{line}/acknowledge"


def statuses(here: Office, ids: list[str]) -> set[AlertStatus]:
    return {here.centre.alert(each).status for each in ids}


async def test_law_16_a_line_is_taken_in_one_go_by_one_signed_act_for_each_alert(here: Office) -> None:
    line, ids = await flooded(here)
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        status, answer = await act(browser, url_of(here, line), {"alert_ids": ids})
    assert (status, answer["not_taken"]) == (200, [])
    assert sorted(each["alert_id"] for each in answer["taken"]) == sorted(ids)
    assert {each["state"] for each in answer["taken"]} == {"applied"}
    assert statuses(here, ids) == {AlertStatus.ACKNOWLEDGED}
    assert len({each.id for each in here.centre.sent}) == 20
    assert all(each.proof is not None and each.line == line for each in here.centre.sent)
    rows = [row for row in here.register.rows if row.act == "alert.acknowledge"]
    assert {row.subject for row in rows} == set(ids), "each is in the ledger under its own name"
    [whole] = [row for row in here.register.rows if row.act == "line.acknowledge"]
    assert (whole.subject, whole.actor, dict(whole.detail)) == (line, "p-ana", {"taken": 20, "left": 0})


async def test_the_same_request_again_does_nothing_twice(here: Office) -> None:
    line, ids = await flooded(here)
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        answers = [
            await act(browser, url_of(here, line), {"alert_ids": ids}, key="key-of-one-line")
            for _ in range(3)
        ]
    assert [status for status, _ in answers] == [200, 200, 200]
    assert len({tuple(sorted(each["act"] for each in answer["taken"])) for _, answer in answers}) == 1
    assert len(here.centre.sent) == 20


async def test_what_another_one_took_first_is_told_with_the_name_and_the_rest_is_taken(here: Office) -> None:
    line, ids = await flooded(here)
    async with (
        here.signed_in(Role.OPERATOR, login="ana") as ana,
        here.signed_in(Role.OPERATOR, login="eva") as eva,
    ):
        await act(eva, f"{here.url}/api/v1/alerts/{ids[4]}/acts", {"kind": "acknowledge"})
        _, answer = await act(ana, url_of(here, line), {"alert_ids": ids})
    assert len(answer["taken"]) == 19
    [lost] = answer["not_taken"]
    assert (lost["alert_id"], lost["code"], lost["first"]["who"]) == (ids[4], "act.conflict", "p-eva")
    assert here.centre.alert(ids[4]).assignee == "p-eva"


async def test_of_two_who_take_the_line_at_once_each_alert_has_one_owner_and_both_hear_which(
    here: Office,
) -> None:
    line, ids = await flooded(here)
    async with (
        here.signed_in(Role.OPERATOR, login="ana") as ana,
        here.signed_in(Role.OPERATOR, login="eva") as eva,
    ):
        both = await asyncio.gather(
            *(act(each, url_of(here, line), {"alert_ids": ids}) for each in (ana, eva))
        )
    taken = [{each["alert_id"] for each in answer["taken"]} for _, answer in both]
    lost = [{each["alert_id"] for each in answer["not_taken"]} for _, answer in both]
    assert taken[0] | taken[1] == set(ids)
    assert not taken[0] & taken[1]
    assert (lost[0], lost[1]) == (taken[1], taken[0])


async def test_law_16_nothing_that_is_known_silent_or_of_another_line_is_taken_along(here: Office) -> None:
    line, ids = await flooded(here)
    known = here.centre.press(1)
    silent = here.centre.press(2, type="silent.duress", registered=True)
    await asyncio.sleep(0.05)
    async with here.signed_in(Role.SUPERVISOR) as browser:
        _, answer = await act(
            browser, url_of(here, line), {"alert_ids": [*ids, known, silent, "there-is-none"]}
        )
        _, other = await act(browser, url_of(here, "another-line"), {"alert_ids": ids[:1]})
    codes = {each["alert_id"]: each["code"] for each in answer["not_taken"]}
    assert codes == {known: "line.left", silent: "line.left", "there-is-none": "alert.unknown"}
    assert statuses(here, [known, silent]) == {AlertStatus.OPEN}
    assert {each["code"] for each in other["not_taken"]} == {"act.conflict"}, "taken already, by this person"
    assert {each.kind for each in here.centre.sent} == {ActionKind.ACKNOWLEDGE}


async def test_an_alert_that_leaves_the_line_on_the_way_is_refused_by_the_core(here: Office) -> None:
    """The feed of the console is behind: it still shows the press in the line."""
    line, ids = await flooded(here)
    here.centre.is_slow = True
    async with here.signed_in(Role.OPERATOR) as browser:
        taking = asyncio.create_task(act(browser, url_of(here, line), {"alert_ids": ids[:2]}))
        while len(here.centre.sent) < 2:
            await here.centre.came.wait()
            await asyncio.sleep(0.01)
        # The second press is sent again, now with the key of its device.
        here.centre.press(
            101, type="panic.alarm", subject="panel-101", registered=False, attributes={"authenticated": True}
        )
        for action in here.centre.sent:
            here.centre.work(action)
        _, answer = await taking
    assert [each["alert_id"] for each in answer["taken"]] == [ids[0]]
    [left] = answer["not_taken"]
    assert (left["alert_id"], "vida en riesgo" in left["es"]) == (ids[1], True)
    assert statuses(here, ids[1:2]) == {AlertStatus.OPEN}


@pytest.mark.parametrize("role", [Role.WALL, Role.AUDITOR, Role.AGENCY, Role.ANALYST])
async def test_law_9_who_only_looks_takes_no_line(here: Office, role: Role) -> None:
    line, ids = await flooded(here)
    async with here.signed_in(role) as browser:
        status, _ = await act(browser, url_of(here, line), {"alert_ids": ids})
    assert (status, statuses(here, ids)) == (403, {AlertStatus.OPEN})


@pytest.mark.parametrize("ids", [[], ["x"] * 501, [""], ["y" * 121]])
async def test_a_line_of_nothing_or_of_too_many_is_not_read(here: Office, ids: list[Any]) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        status, answer = await act(browser, url_of(here, "l"), {"alert_ids": ids})
    assert (status, answer["code"]) == (422, "request.malformed")


async def test_law_13_while_the_register_is_away_a_line_is_taken_into_the_journal(here: Office) -> None:
    line, ids = await flooded(here)
    here.register.is_cut = True
    async with here.signed_in(Role.OPERATOR) as browser:
        status, answer = await act(browser, url_of(here, line), {"alert_ids": ids})
        assert (status, {each["recorded"] for each in answer["taken"]}) == (200, {"journal"})
        here.register.is_cut = False
        _, page = await got(browser, f"{here.url}/api/v1/alerts/{ids[0]}")
    assert page["status"] == "acknowledged"
