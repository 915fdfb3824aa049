"""Shares under agreements over real HTTP: what the agreement names is shown and nothing else, each read and each denial
names it in the ledger, and when it is over, what was open is over too.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cior_core import bundled
from cior_core.errors import ConfigInvalid
from cior_core.model import Alert, DataClass, Place, PlaceMethod, TypeCode
from cior_core.people import Grant, LedgerEntry, Person, Scope
from cior_core.privacy import Policy, Role
from cior_core.rfc3339 import to_rfc3339
from cior_register import people
from integration.console.api_rig import Office, got, office
from integration.console.footage_rig import clock_clip
from integration.console.wall_rig import alert
from integration.recorder.fed_track import Clock as FedClock
from integration.recorder.fed_track import Fed

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MINISTRY = Scope(agencies=("ministerio",))
ALL = ["alerts", "clips", "live"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clock_clip(tmp_path_factory.mktemp("clips") / "plaza.mp4", seconds=4)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        running.clock.now_ms = time.time_ns() // 1_000_000  # views of footage go by the machine's own clock
        for login in ("ana", "eva"):
            who = Person(f"p-{login}", login, login.title(), grants=(Grant(Role.SUPERVISOR),))
            entry = LedgerEntry(at_ms=1, actor="test", act="people.add", subject=who.id)
            await running.register.act(entry, partial(people.add, person=who, now_ms=1))
        yield running


@pytest.fixture
def footage(here: Office, tmp_path: Path, clip: Path) -> Iterator[dict[str, int]]:
    """Two seconds of the plaza, half a minute ago: what a clip asks for."""
    began_ms = here.clock.now_ms - 30_000
    fed = Fed(tmp_path / "ring", clip, FedClock(began_ms))
    fed.connection(30)
    here.rings = {"plaza": fed.ring, "puente": fed.ring}
    yield {"from_ms": began_ms, "to_ms": began_ms + 2_000}
    fed.kill()


def terms(here: Office, **change: Any) -> dict[str, Any]:
    now_ms = here.clock.now_ms
    return {
        "document": "Convenio 12/2026", "agency": "ministerio", "purpose": "Investigación de delitos complejos",
        "kinds": ALL, "districts": ["sur"], "starts_ms": now_ms - 2 * HOUR_MS, "ends_ms": now_ms + DAY_MS,
    } | change  # fmt: skip


async def told(browser: aiohttp.ClientSession, here: Office, path: str, body: Any = None) -> tuple[int, Any]:
    key = {"Idempotency-Key": f"clave-{next(_keys):08}"}
    async with browser.post(f"{here.url}/api/v1/{path}", json=body, headers=key) as answer:
        return answer.status, await answer.json(content_type=None)


_keys = count()


@asynccontextmanager
async def desk(here: Office) -> AsyncIterator[tuple[aiohttp.ClientSession, aiohttp.ClientSession]]:
    """Two people of the desk."""
    async with (
        here.signed_in(Role.SUPERVISOR, login="ana") as ana,
        here.signed_in(Role.CUSTODIAN, login="eva") as eva,
    ):
        yield ana, eva


async def agreed(here: Office, **change: Any) -> str:
    """An agreement that stands."""
    async with desk(here) as (ana, eva):
        status, page = await told(ana, here, "agreements", terms(here, **change))
        assert (status, page["state"]) == (200, "proposed"), page
        status, page = await told(eva, here, f"agreements/{page['id']}/approval")
        assert (status, page["state"]) == (200, "standing"), page
    return str(page["id"])


async def withdrawn(here: Office, agreement: str) -> None:
    async with desk(here) as (ana, _):
        status, page = await told(
            ana, here, f"agreements/{agreement}/withdrawal", {"reason": "Terminó la causa"}
        )
        assert (status, page["state"]) == (200, "withdrawn"), page


def at(district: str | None, **change: Any) -> Place:
    return Place(method=PlaceMethod.SITE, lat=-33.0, lon=-60.65, district=district, **change)


async def told_of(feed: aiohttp.ClientResponse, kind: str) -> Any:
    """The next event of this kind."""
    while await asyncio.wait_for(feed.content.readline(), 20) != f"event: {kind}\n".encode():
        pass
    return json.loads((await feed.content.readline()).removeprefix(b"data: "))


async def shown(here: Office, *alerts: Alert) -> None:
    for each in alerts:
        here.feed.apply(each)
    await asyncio.sleep(0.05)


def of_partner(here: Office, *acts: str) -> list[tuple[str, str, str, Any]]:
    """Act, what it is about, what became of it, and under which agreement."""
    return [
        (row.act, row.subject, row.outcome.value, row.detail.get("agreement"))
        for row in here.register.rows
        if row.role is Role.PARTNER and (not acts or row.act in acts)
    ]


async def test_law_9_two_persons_make_one_and_the_try_of_one_is_in_the_ledger(here: Office) -> None:
    async with desk(here) as (ana, eva), here.signed_in(Role.PARTNER, MINISTRY, login="min") as ministry:
        status, page = await told(ana, here, "agreements", terms(here))
        one = page["id"]
        assert (status, page["state"], page["may"]) == (200, "proposed", ["withdraw"])
        status, problem = await told(ana, here, f"agreements/{one}/approval")
        assert (status, problem["code"]) == (403, "agreement.two_persons")
        assert (await got(ministry, f"{here.url}/api/v1/cameras"))[1]["code"] == "access.no_agreement"
        assert (await got(eva, f"{here.url}/api/v1/agreements"))[1][0]["may"] == ["approve", "withdraw"]
        assert (await told(eva, here, f"agreements/{one}/approval"))[1]["approved_by"] == "Eva"
        status, mine = await got(ministry, f"{here.url}/api/v1/agreement")
        assert (status, mine["id"], mine["cameras"]) == (200, one, ["esquina", "plaza"])
        assert (await told(eva, here, f"agreements/{one}/approval"))[1]["code"] == "agreement.not_now"
        status, other = await told(ana, here, "agreements", terms(here, document="Convenio 13/2026"))
        assert (await told(eva, here, f"agreements/{other['id']}/approval"))[1][
            "code"
        ] == "agreement.overlaps"
    refused = [
        (row.act, row.actor, row.rule)
        for row in here.register.rows
        if row.outcome.value == "refused" and row.actor == "p-ana"
    ]
    assert refused == [("agreement.approve", "p-ana", "agreement.two_persons")]
    assert of_partner(here, "cameras.read", "agreement.mine") == [
        ("cameras.read", "", "refused", None),
        ("agreement.mine", "", "redacted", one),
    ]


async def test_law_9_a_partner_sees_what_the_agreement_names_and_each_read_names_the_agreement(
    here: Office,
) -> None:
    one = await agreed(here, types=["burglary.alarm"])
    burglary = TypeCode("burglary.alarm")
    await shown(
        here,
        alert(1, type=burglary, place=at("sur")),
        alert(2, type=burglary, place=at("norte")),
        alert(3, type=burglary, place=at(None)),
        alert(4, type=TypeCode("fire.structure"), place=at("sur")),
        alert(5, type=burglary, place=at("sur"), silent=True),
        alert(6, type=burglary, place=at("sur"), data_class=DataClass.SEALED),
    )
    async with here.signed_in(Role.PARTNER, MINISTRY, login="min") as browser:
        async with browser.get(f"{here.url}/api/v1/feed") as feed:
            snapshot = await told_of(feed, "snapshot")
            await shown(
                here, alert(7, type=burglary, place=at("norte")), alert(8, type=burglary, place=at("sur"))
            )
            change = await told_of(feed, "alert")
        assert [row["id"] for row in snapshot["alerts"]] == ["a1"]
        assert change["alert"]["id"] == "a8"
        assert "assignee" not in snapshot["alerts"][0], "what and where, never who"
        status, page = await got(browser, f"{here.url}/api/v1/alerts/a1")
        assert (status, page.get("assignee"), page.get("notes")) == (200, None, [])
        assert {each["id"] for each in page["cameras"]} <= {"plaza", "esquina"}
        for hidden in range(2, 8):
            status, problem = await got(browser, f"{here.url}/api/v1/alerts/a{hidden}")
            assert (status, problem["code"]) == (404, "alert.unknown"), hidden
        status, seen = await got(browser, f"{here.url}/api/v1/cameras")
        assert [each["id"] for each in seen] == ["esquina", "plaza"]
    assert {districts for _, districts in here.store.asked} == {("sur",)}, (
        "the store is asked for no other district"
    )
    told_rows = of_partner(here)
    assert {row[3] for row in told_rows} == {one}
    assert ("feed.open", "", "redacted", one) in told_rows
    refused = [row.subject for row in here.register.rows if row.rule == "access.out_of_agreement"]
    assert refused == [f"a{n}" for n in range(2, 8)]


async def looked(browser: aiohttp.ClientSession, here: Office, camera: str, **span: Any) -> tuple[int, Any]:
    asked = {"camera": camera, "reason": "Causa 21-1"} | span
    async with browser.post(f"{here.url}/api/v1/footage/views", json=asked) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_law_9_footage_is_of_the_agreed_cameras_kinds_and_time(
    here: Office, footage: dict[str, int]
) -> None:
    one = await agreed(here, kinds=["clips"], districts=[], cameras=["plaza"])
    old = {name: at_ms - 3 * HOUR_MS for name, at_ms in footage.items()}
    async with here.signed_in(Role.PARTNER, MINISTRY, login="min") as browser:
        status, view = await looked(browser, here, "plaza", **footage)
        assert (status, view["state"]) == (201, "clip")
        async with browser.get(here.url + view["playlist"]) as answer:
            assert answer.status == 200
        for camera, span, code in (
            ("puente", footage, "access.out_of_agreement"),
            ("esquina", footage, "access.out_of_agreement"),
            ("plaza", old, "access.out_of_agreement"),
            ("plaza", {}, "access.denied"),
        ):
            status, problem = await looked(browser, here, camera, **span)
            assert (status, problem["code"]) == (403, code), camera
        status, problem = await got(browser, f"{here.url}/api/v1/feed")
        assert (status, problem["code"]) == (403, "access.no_agreement"), "it shares no alerts"
    rows = of_partner(here, "footage.open", "feed.open")
    assert rows == [
        ("footage.open", "plaza", "allowed", one),
        ("footage.open", "puente", "refused", one),
        ("footage.open", "esquina", "refused", one),
        ("footage.open", "plaza", "refused", one),
        ("footage.open", "plaza", "refused", one),
        ("feed.open", "", "refused", one),
    ]
    rules = [row.rule for row in here.register.rows if row.outcome.value == "refused"]
    assert rules == ["access.out_of_agreement"] * 3 + ["access.denied", "deny.agreement"]


async def test_withdrawn_it_ends_the_stream_and_the_view_that_are_open(
    here: Office, footage: dict[str, int]
) -> None:
    one = await agreed(here)
    await shown(here, alert(1, place=at("sur")))
    async with here.signed_in(Role.PARTNER, MINISTRY, login="min") as browser:
        status, view = await looked(browser, here, "plaza", **footage)
        assert status == 201
        async with browser.get(f"{here.url}/api/v1/feed") as feed:
            assert feed.status == 200
            await told_of(feed, "snapshot")
            await withdrawn(here, one)
            rest = await asyncio.wait_for(feed.content.read(), 20)
        await shown(here, alert(2, place=at("sur")))
        assert b'"a2"' not in rest
        assert b"event: snapshot" not in rest
        async with browser.get(here.url + view["playlist"]) as answer:
            assert answer.status == 403
        for path in ("feed", "alerts/a1", "cameras", "agreement"):
            status, problem = await got(browser, f"{here.url}/api/v1/{path}")
            assert (status, problem["code"]) == (403, "access.no_agreement"), path
    ended = [row for row in here.register.rows if row.act == "footage.end"]
    assert [(row.subject, row.detail["agreement"]) for row in ended] == [("plaza", one)]


async def test_what_expires_or_is_out_of_its_hours_is_over_by_the_clock_alone(here: Office) -> None:
    ends_ms = here.clock.now_ms + 60_000
    await agreed(here, ends_ms=ends_ms)
    async with here.signed_in(Role.PARTNER, MINISTRY, login="min") as browser:
        async with browser.get(f"{here.url}/api/v1/feed") as feed:
            assert feed.status == 200
            await told_of(feed, "snapshot")
            here.clock.now_ms = ends_ms
            await shown(here, alert(9, place=at("sur")))
            rest = await asyncio.wait_for(feed.content.read(), 20)
        assert b'"a9"' not in rest, "not even what waited when it ended"
        assert (await got(browser, f"{here.url}/api/v1/cameras"))[1]["code"] == "access.no_agreement"
        minute = int(to_rfc3339(here.clock.now_ms - 3 * HOUR_MS)[11:13]) * 60  # UTC-03:00 all year
        await agreed(
            here, document="De noche", hours={"since": (minute + 120) % 1440, "until": (minute + 180) % 1440}
        )
        assert (await got(browser, f"{here.url}/api/v1/cameras"))[0] == 403
        here.clock.now_ms += 2 * HOUR_MS
        assert (await got(browser, f"{here.url}/api/v1/cameras"))[0] == 200, "it is open now"


async def test_another_organisation_and_a_grant_without_one_see_nothing(here: Office) -> None:
    await agreed(here)
    for scope in (Scope(), Scope(agencies=("gendarmeria",)), Scope(districts=("sur",))):
        async with here.signed_in(Role.PARTNER, scope) as browser:
            for path in ("feed", "cameras", "agreement", "alerts/a1"):
                status, problem = await got(browser, f"{here.url}/api/v1/{path}")
                assert (status, problem["code"]) == (403, "access.no_agreement"), (scope, path)


async def test_law_13_while_the_register_is_away_nobody_sees_anything_under_an_agreement(
    here: Office,
) -> None:
    await agreed(here)
    async with here.signed_in(Role.PARTNER, MINISTRY, login="min") as browser:
        here.register.is_cut = True
        status, problem = await got(browser, f"{here.url}/api/v1/cameras")
        assert (status, problem["code"]) in {(403, "access.no_agreement"), (503, "register.away")}


async def test_bad_proposals_are_answered_in_words_that_say_what_to_do(here: Office) -> None:
    async with desk(here) as (ana, _):
        for change, code in (
            ({"districts": []}, "agreement.nowhere"),
            ({"cameras": ["ninguna"]}, "agreement.camera_unknown"),
            ({"ends_ms": 1}, "agreement.interval"),
            ({"hours": {"since": 60, "until": 60}}, "agreement.hours"),
            ({"kinds": []}, "request.malformed"),
            ({"hours": {"since": 60, "until": 2_000}}, "request.malformed"),
        ):
            status, problem = await told(ana, here, "agreements", terms(here, **change))
            assert (status, problem["code"]) == (422, code)
            assert problem["detail_es"]


def test_law_9_no_table_can_show_a_partner_what_no_agreement_shares() -> None:
    loose = bundled.text("privacy.toml").replace("needs_agreement = true\n", "")
    with pytest.raises(ConfigInvalid, match="partner"):
        Policy.load(loose)
