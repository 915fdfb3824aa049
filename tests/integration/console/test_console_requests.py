"""Judicial requests over real HTTP into a real register: held when the answer comes, two persons, nobody else's, and
sums that equal what was asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from cior_core.judicial.jurisdiction import Rules, bundled_jurisdiction
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from cior_register import holds, requests
from integration.console.api_rig import Office, office

HOUR_MS = 3_600_000
DIGEST = "d" * 64


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


class Desk:
    """Somebody at a browser: each act under a key of its own."""

    def __init__(self, here: Office, role: Role, login: str) -> None:
        self._here, self._browser = here, here.signed_in(role, login=login)
        self.person = f"p-{login}"
        self._keys = 0

    async def close(self) -> None:
        await self._browser.close()

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return await self._ask("GET", path, None, headers)

    async def post(self, path: str, body: Any, *, key: str = "") -> tuple[int, Any]:
        self._keys += 1
        return await self._ask(
            "POST", path, body, {"Idempotency-Key": key or f"{self.person}-{self._keys:08}"}
        )

    async def act(self, request_id: str, kind: str, **more: Any) -> tuple[int, Any]:
        return await self.post(f"requests/{request_id}/acts", {"kind": kind} | more)

    async def bytes_of(self, path: str, **headers: str) -> tuple[int, Any, bytes]:
        """Status, headers and body of a GET."""
        url = f"{self._here.url}/api/v1/{path}"
        async with self._browser.get(url, headers=headers) as answer:
            return answer.status, answer.headers, await answer.read()

    async def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        sent: dict[str, Any] = {"json": body} if body is not None else {}
        url = f"{self._here.url}/api/v1/{path}"
        async with self._browser.request(method, url, headers=headers, **sent) as answer:
            is_json = "json" in answer.content_type
            return answer.status, await answer.json(content_type=None) if is_json else await answer.text()


@pytest.fixture
async def people(here: Office) -> AsyncIterator[dict[str, Desk]]:
    told = {
        "fiscal": Role.PROSECUTOR, "fiscal2": Role.PROSECUTOR, "defensora": Role.DEFENDER, "mesa": Role.CUSTODIAN,
        "jefa": Role.CUSTODIAN, "archivo": Role.CUSTODIAN, "auditor": Role.AUDITOR,
    }  # fmt: skip
    desks = {login: Desk(here, role, login) for login, role in told.items()}
    yield desks
    for each in desks.values():
        await each.close()


def order(here: Office, *, camera: str = "plaza", zone: str = "Z", **changes: Any) -> dict[str, Any]:
    now_ms = here.clock.now_ms
    since, until = (to_rfc3339(now_ms - n * HOUR_MS)[:19] + zone for n in (3, 2))
    return {
        "authority": "fiscalia",
        "office": "Fiscalía Regional 2",
        "case": "21-0000001-1",
        "document": "Oficio 1",
        "reason": "Homicidio",
        "order": "prosecutor_order",
        "items": [{"camera": camera, "since": since, "until": until}],
    } | changes


async def filed(people: dict[str, Desk], here: Office, **changes: Any) -> dict[str, Any]:
    status, page = await people["fiscal"].post("requests", order(here, **changes))
    assert status == 200, page
    return dict(page)


async def delivered(people: dict[str, Desk], here: Office) -> str:
    """A request that went its way; the hour lacks ten minutes."""
    page = await filed(people, here)
    request_id = str(page["line"]["id"])
    start_s = (here.clock.now_ms - 3 * HOUR_MS) // 1000
    inside = {"since_s": start_s, "until_s": start_s + 3_000}
    gap = {"item": 0, "span": {"since_s": start_s + 3_000, "until_s": start_s + 3_600}, "cause": "reconnect"}
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("mesa", "take_up", {}),
        ("jefa", "approve", {}),
        ("archivo", "assemble", {"covered": {"0": [inside]}, "gaps": [gap]}),
        ("archivo", "seal", {"digest": DIGEST}),
        ("archivo", "deliver", {"recipient": people["fiscal"].person, "party": "fiscalía", "digest": DIGEST}),
    ]
    for who, kind, more in steps:
        status, page = await people[who].act(request_id, kind, **more)
        assert status == 200, (kind, page)
    return request_id


async def test_law_7_what_is_asked_is_on_hold_when_the_answer_comes(
    here: Office, people: dict[str, Desk]
) -> None:
    page = await filed(people, here)
    line = page["line"]
    assert (line["state"], line["held_ms"] - line["received_ms"]) == ("resguardada", 0)
    kept = here.register.read_now(lambda each: holds.standing(each, now_ms=here.clock.now_ms)).holds
    assert [(each.owner, each.cameras, each.expires_ms) for each in kept] == [(line["id"], ("plaza",), None)]
    assert (kept[0].since_ms, kept[0].until_ms) == tuple(
        here.clock.now_ms // 1000 * 1000 - n * HOUR_MS for n in (3, 2)
    )
    rows = [row for row in here.register.rows if row.act == "request.file"]
    assert [(row.actor, row.subject, row.purpose) for row in rows] == [
        (people["fiscal"].person, line["id"], "request_handling")
    ]
    assert [each["act"] for each in page["story"]] == ["file", "hold"]
    assert page["may"] == []


async def test_a_request_goes_its_whole_way_and_every_missing_minute_is_on_its_page(
    here: Office, people: dict[str, Desk]
) -> None:
    request_id = await delivered(people, here)
    _, page = await people["fiscal"].get(f"requests/{request_id}")
    assert (page["line"]["state"], page["line"]["answer"]) == ("entregada", "partial")
    [missing] = page["items"][0]["missing"]
    assert missing["cause"]["code"] == "reconnect"
    assert len(missing["minutes"]) in {10, 11}
    assert page.get("parties") is None, "who asked reads no names of the house"
    assert {each["by"] for each in page["story"]} == {"asker", "centre", "system"}
    assert set(page["may"]) == {"ask_copy", "receive", "reopen"}
    status, page = await people["fiscal"].act(request_id, "receive", digest=DIGEST)
    assert (status, page["line"]["state"]) == (200, "acusada")
    status, problem = await people["fiscal"].act(request_id, "receive", digest=DIGEST)
    assert (status, problem["code"]) == (409, "request.no_delivery")
    assert here.register.read_now(lambda each: requests.replayed(each, request_id, _rules()))


def _rules() -> Rules:
    found = bundled_jurisdiction("santa_fe")
    return Rules(found, ZoneInfo(found.zone))


async def test_law_9_who_approves_is_another_person_and_the_refusal_is_in_the_ledger(
    here: Office, people: dict[str, Desk]
) -> None:
    page = await filed(people, here)
    request_id = page["line"]["id"]
    await people["mesa"].act(request_id, "take_up")
    status, problem = await people["mesa"].act(request_id, "approve")
    assert (status, problem["code"]) == (403, "request.two_persons")
    refused = [row for row in here.register.rows if row.outcome == "refused"]
    assert [(row.act, row.actor, row.rule) for row in refused] == [
        ("request.approve", people["mesa"].person, "request.two_persons")
    ]


async def test_law_9_nobody_reads_or_touches_anothers_request_and_the_try_is_in_the_ledger(
    here: Office, people: dict[str, Desk]
) -> None:
    request_id = (await filed(people, here))["line"]["id"]
    for who in ("fiscal2", "defensora"):
        for path in (f"requests/{request_id}", f"requests/{request_id}/trail"):
            assert (await people[who].get(path))[0] == 404
        assert (await people[who].act(request_id, "reopen", reason="quiero ver"))[0] == 404
        assert (await people[who].get("requests"))[1] == []
        assert (await people[who].get("requests/queue"))[0] == 403
    refused = [row for row in here.register.rows if row.rule == "deny.not_theirs"]
    assert len(refused) == 6
    status, problem = await people["fiscal"].act(request_id, "take_up")
    assert (status, problem["code"]) == (403, "request.not_yours")


async def test_the_defence_that_was_given_a_copy_finds_the_request_in_its_list(
    here: Office, people: dict[str, Desk]
) -> None:
    request_id = await delivered(people, here)
    assert (await people["defensora"].get("requests"))[1] == []
    given = {"recipient": people["defensora"].person, "party": "defensa", "digest": DIGEST}
    assert (await people["archivo"].act(request_id, "deliver", **given))[0] == 200
    assert [each["id"] for each in (await people["defensora"].get("requests"))[1]] == [request_id]
    assert (await people["defensora"].get(f"requests/{request_id}"))[0] == 200
    assert (await people["fiscal2"].get("requests"))[1] == []


async def test_the_same_order_again_is_the_same_request_and_another_persons_is_not(
    here: Office, people: dict[str, Desk]
) -> None:
    body = order(here)
    first = await people["fiscal"].post("requests", body)
    again = await people["fiscal"].post("requests", body)
    other = await people["fiscal2"].post("requests", body)
    assert first[1]["line"]["id"] == again[1]["line"]["id"] != other[1]["line"]["id"]
    status, _ = await people["fiscal"].post("requests", body, key="una-clave-1")
    assert status == 200
    status, problem = await people["fiscal"].act(first[1]["line"]["id"], "reopen", reason="otra cosa")
    assert (status, problem["code"]) == (409, "request.not_now")


async def test_a_time_without_zone_is_asked_back_with_both_readings_and_both_are_held(
    here: Office, people: dict[str, Desk]
) -> None:
    here.clock.now_ms += 6 * HOUR_MS
    body = order(here, zone="")
    body["items"][0]["since"] = to_rfc3339(here.clock.now_ms - 9 * HOUR_MS)[:19]
    body["items"][0]["until"] = to_rfc3339(here.clock.now_ms - 8 * HOUR_MS)[:19]
    _, page = await people["fiscal"].post("requests", body)
    assert page["line"]["state"] == "observada"
    assert page["items"][0]["asked_back"]["code"] == "no_zone"
    assert len(page["items"][0]["readings"]) == len(page["holds"]) == 2
    assert page["may"] == ["reply"]
    request_id = page["line"]["id"]
    status, page = await people["fiscal"].act(request_id, "reply", changes=[{"item": 0, "reading": 1}])
    assert (status, page["line"]["state"]) == (200, "resguardada")
    assert [each["released_code"] for each in page["holds"]].count("answered") == 1


async def test_bad_orders_are_answered_in_words_that_say_what_to_do(
    here: Office, people: dict[str, Desk]
) -> None:
    bad = [
        ("ninguna", "2020-01-01T00:00Z", "2020-01-01T01:00Z", "camera_unknown"),
        ("plaza", "2026-02-31T00:00Z", "2026-02-31T01:00Z", "no_such_day"),
        ("plaza", "2023-01-01T00:00Z", "2026-01-01T00:00Z", "too_long"),
        ("plaza", "2099-01-01T00:00Z", "2099-01-01T01:00Z", "future"),
    ]
    for camera, since, until, code in bad:
        page = await filed(people, here, items=[{"camera": camera, "since": since, "until": until}])
        assert (page["line"]["state"], page["items"][0]["asked_back"]["code"]) == ("observada", code)
        assert page["items"][0]["asked_back"]["es"]
    page = await filed(people, here, proceeding="civil")
    assert (page["line"]["state"], page["answer_said"]["article"]) == (
        "rechazada",
        "Ley provincial 13.164, art. 9",
    )
    assert page["answer_said"]["cure_es"]
    status, problem = await people["fiscal"].post("requests", order(here, authority="defensa"))
    assert (status, problem["code"]) == (403, "request.other_authority")
    status, problem = await people["fiscal"].post("requests", order(here, identity=True))
    assert (status, problem["code"]) == (400, "request.identity_not_sealed")
    status, problem = await people["fiscal"].post("requests", order(here, items=[]))
    assert (status, problem["code"]) == (422, "request.malformed")


async def test_a_victims_wish_is_preserved_without_an_order_and_nobody_looks(
    here: Office, people: dict[str, Desk]
) -> None:
    body = order(here, authority="victima", order="none", provisional=True, office="En mesa de entradas")
    status, page = await people["mesa"].post("requests", body)
    assert (status, page["line"]["state"]) == (200, "provisional")
    assert page["line"]["lapses_ms"] - here.clock.now_ms == 90 * 24 * HOUR_MS
    assert set(page["may"]) == {"confirm", "conflict", "renew", "replace"}


async def test_the_years_report_equals_what_was_asked(here: Office, people: dict[str, Desk]) -> None:
    await delivered(people, here)
    for n in range(3):
        await filed(people, here, case=f"caso {n}")
    await filed(people, here, proceeding="civil", case="civil")
    await filed(people, here, drill=True, case="ensayo")
    year = int(to_rfc3339(here.clock.now_ms)[:4])
    status, report = await people["mesa"].get(f"requests/report?year={year}")
    assert status == 200
    assert report["received"] == 5
    assert {sum(report[each].values()) for each in ("by_kind", "by_state", "by_answer")} == {5}
    assert report["by_answer"] == {"partial": 1, "pending": 3, "refused": 1}
    assert report["held_in_a_second"] == report["held"] == 4
    status, problem = await people["fiscal"].get(f"transparency/requests?year={year}")
    assert (status, problem["code"]) == (409, "request.year_open")
    here.clock.now_ms += 400 * 24 * HOUR_MS
    async with (
        aiohttp.ClientSession() as anybody,
        anybody.get(f"{here.url}/api/v1/transparency/requests?year={year}") as answer,
    ):
        told = await answer.json()
    assert answer.status == 200
    assert {each["count"] for each in told} <= {None, 0, 5}
    assert [each["count"] for each in told if each["kind"] == each["answer"] == ""] in ([5], [None])


async def test_the_queue_has_the_nearest_deadline_first_and_a_copy_that_is_wanted(
    here: Office, people: dict[str, Desk]
) -> None:
    late = (await filed(people, here, investigation=False))["line"]["id"]
    soon = (await filed(people, here, case="otra"))["line"]["id"]
    _, queue = await people["mesa"].get("requests/queue")
    assert [each["id"] for each in queue] == [soon, late]
    given = await delivered(people, here)
    await people["fiscal"].act(given, "ask_copy")
    _, queue = await people["mesa"].get("requests/queue")
    assert given in {each["id"] for each in queue}
