"""Footage over real HTTP out of a ring that the real recorder wrote: who looks is in the ledger first, what is sent is
what was recorded, and what may not be seen is not opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cior_core.model import DataClass, Place, PlaceMethod
from cior_core.people import LedgerOutcome, Scope
from cior_core.privacy import Role
from integration.console.api_rig import Office, got, office
from integration.console.footage_rig import clock_clip
from integration.console.held_ring import HOLE_MS, Ring, now_ms
from integration.console.wall_rig import alert
from integration.recorder.footage_read import packets_of, played

pytestmark = pytest.mark.slow
SOUTH = Place(method=PlaceMethod.GPS, lat=-33.0, lon=-60.65, district="sur")
VIEWS = "/api/v1/footage/views"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clock_clip(tmp_path_factory.mktemp("clips") / "plaza.mp4", seconds=8)


@pytest.fixture
async def empty() -> AsyncIterator[Office]:
    async with office() as running:
        yield running


@pytest.fixture
def ring(
    empty: Office, tmp_path: Path, clip: Path
) -> Iterator[Ring]:  # last, so that its pictures are of now
    assert empty.url
    made = Ring(tmp_path / "ring", clip)
    yield made
    made.fed.kill()


@pytest.fixture
async def here(empty: Office, ring: Ring) -> Office:
    empty.rings = {"plaza": ring.path}
    empty.feed.apply(alert(1, place=SOUTH, opened_ms=ring.began_ms + 2_000, updated_ms=now_ms()))
    await asyncio.sleep(0.05)
    return empty


async def opened(browser: aiohttp.ClientSession, here: Office, **asked: Any) -> tuple[int, Any]:
    async with browser.post(f"{here.url}{VIEWS}", json={"camera": "plaza"} | asked) as answer:
        return answer.status, await answer.json(content_type=None)


async def sent(browser: aiohttp.ClientSession, here: Office, view: Any) -> tuple[str, bytes]:
    """The playlist, and what a player has when it asked for all that stands in it."""
    async with browser.get(here.url + view["playlist"]) as answer:
        assert answer.status == 200, await answer.text()
        text = await answer.text()
    base, whole = here.url + view["playlist"].rpartition("/")[0], b""
    for line in text.splitlines():
        name = line.split('"')[1] if line.startswith("#EXT-X-MAP") else line
        if name and not name.startswith("#"):
            async with browser.get(f"{base}/{name}") as answer:
                assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
                whole += await answer.read()
    return text, whole


async def test_law_9_a_live_view_is_in_the_ledger_before_its_first_byte_and_sends_what_was_recorded(
    here: Office, ring: Ring
) -> None:
    async with here.signed_in(Role.OPERATOR, login="agomez") as browser:
        status, view = await opened(browser, here, alert_id="a1")
        assert (status, view["state"], view["codec"][:5]) == (201, "live", "avc1.")
        first = here.register.rows[-1]
        assert (first.actor, first.role, first.act, first.subject) == (
            "p-agomez", Role.OPERATOR, "footage.open", "plaza",
        )  # fmt: skip
        assert (first.purpose, first.rule) == ("live_operation", "operation-restricted")
        assert first.detail == {"kind": "live", "alert": "a1"}
        text, whole = await sent(browser, here, view)
        assert "#EXT-X-ENDLIST" not in text
        async with browser.delete(f"{here.url}{VIEWS}/{view['view_id']}") as answer:
            assert answer.status == 204
        async with browser.get(here.url + view["playlist"]) as answer:
            assert answer.status == 404, "it is over"
    packets = played(whole)
    steps = {(after.pts or 0) - (before.pts or 0) for before, after in pairwise(packets)}
    assert len(steps) == 1, "the files of a connection follow each other as one"
    shown, recorded = [bytes(each) for each in packets], packets_of(ring.clip)
    assert shown == recorded[50 : 50 + len(shown)], "not a byte of a picture is touched"
    last = here.register.rows[-1]
    assert (last.act, last.detail["kind"]) == ("footage.end", "live")
    assert isinstance(last.detail["sent_from_ms"], int)
    assert isinstance(last.detail["sent_to_ms"], int)
    assert last.detail["sent_to_ms"] - last.detail["sent_from_ms"] >= 900


async def test_a_clip_says_what_is_missing_and_why_and_opens_no_more_than_its_segments(
    here: Office, ring: Ring
) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        status, view = await opened(
            browser, here, alert_id="a1", from_ms=ring.began_ms + 2_500, to_ms=ring.began_ms + 60_000
        )
        assert (status, view["state"]) == (201, "clip")
        text, whole = await sent(browser, here, view)
    assert [(each["cause"], each["to_ms"] - each["from_ms"]) for each in view["gaps"]] == [
        ("camera_away", HOLE_MS)
    ]
    assert view["from_ms"] == ring.began_ms + 2_000, "in whole segments, and the ledger says so"
    assert here.register.rows[0].detail["from_ms"] == view["from_ms"]
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert text.endswith("#EXT-X-ENDLIST\n")
    packets = [bytes(each) for each in played(whole)]
    assert packets == packets_of(ring.clip)[20:64], (
        "the file that is being written too, but its newest picture"
    )


async def test_what_is_gone_is_said_and_where_it_was_recorded_elsewhere(here: Office, ring: Ring) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        asked = {"alert_id": "a1", "from_ms": ring.began_ms, "to_ms": ring.began_ms + 4_000}
        _, view = await opened(browser, here, **asked)
        lost = next((ring.path / "plaza").glob("*/*-00000002.mp4"))
        lost.unlink()
        base = here.url + view["playlist"].rpartition("/")[0]
        assert (await got(browser, f"{base}/2.mp4"))[1]["code"] == "footage.gone"
        for name in ("../index.jsonl", "..%2findex.jsonl", "9.mp4", "init-0.mp4"):
            assert (await got(browser, f"{base}/{name}"))[0] == 404
        _, again = await opened(browser, here, **asked)
        assert [each["cause"] for each in again["gaps"]] == ["lost"]
        here.feed.apply(alert(2, place=SOUTH))
        assert (await opened(browser, here, camera="esquina", alert_id="a1"))[1][
            "code"
        ] == "footage.not_recorded"


async def test_law_9_who_may_not_look_opens_nothing_and_the_try_is_in_the_ledger(
    here: Office, ring: Ring
) -> None:
    for role in (
        Role.WALL,
        Role.AGENCY,
        Role.PROSECUTOR,
        Role.CUSTODIAN,
        Role.ANALYST,
        Role.AUDITOR,
        Role.ENGINEER,
    ):
        async with here.signed_in(role) as browser:
            assert (await opened(browser, here, alert_id="a1", reason="mirar"))[0] == 403
        assert (here.register.rows[-1].act, here.register.rows[-1].outcome) == (
            "footage.open", LedgerOutcome.REFUSED,
        )  # fmt: skip
    async with here.signed_in(Role.OPERATOR) as browser:
        assert (await opened(browser, here))[1]["code"] == "access.reason_missing", (
            "about no alert, and no reason"
        )
        old_ms = now_ms() - 31 * 86_400_000
        asked = {"reason": "mirar", "from_ms": old_ms, "to_ms": old_ms + 60_000}
        assert (await opened(browser, here, **asked))[1]["rule"] == "deny.too_old"
        for span, code in (
            ((5, 5), "footage.interval"),
            ((now_ms() - 3_600_000, now_ms()), "footage.too_long"),
            ((now_ms() + 60_000, now_ms() + 61_000), "footage.future"),
        ):
            asked = {"reason": "mirar", "from_ms": span[0], "to_ms": span[1]}
            assert (await opened(browser, here, **asked))[1]["code"] == code
    async with here.signed_in(Role.OPERATOR, Scope(districts=("norte",))) as browser:
        assert (await opened(browser, here, reason="mirar"))[1]["code"] == "footage.no_camera"
    async with aiohttp.ClientSession(headers={"Origin": here.url}) as browser:
        assert (await opened(browser, here, reason="mirar"))[0] == 401


async def test_law_17_of_a_reserved_alert_no_camera_is_opened_and_no_row_names_one(here: Office) -> None:
    here.feed.apply(alert(9, place=SOUTH, silent=True, data_class=DataClass.SEALED))
    await asyncio.sleep(0.05)
    for role in (Role.OPERATOR, Role.SUPERVISOR, Role.RESPONSE_TEAM):
        async with here.signed_in(role) as browser:
            status, told = await opened(browser, here, alert_id="a9", reason="mirar")
        assert (status, told["code"]) == (403, "footage.reserved")
        assert "plaza" not in str(here.register.rows[-1])


async def test_law_9_a_view_is_its_sessions_alone_and_there_is_an_end_to_how_many(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR) as browser, here.signed_in(Role.OPERATOR) as other:
        _, view = await opened(browser, here, alert_id="a1")
        for path in (view["playlist"], f"{VIEWS}/{view['view_id']}"):
            assert (await got(other, here.url + path))[1]["code"] == "footage.no_view"
        for _ in range(here.limits.of_session - 1):
            assert (await opened(browser, here, alert_id="a1"))[0] == 201
        status, told = await opened(browser, here, alert_id="a1")
        assert (status, told["code"]) == (429, "footage.too_many")
        assert (await opened(other, here, alert_id="a1"))[0] == 201, "one's own page shuts nobody else out"


async def test_law_13_without_the_register_nothing_is_opened(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        here.register.is_cut = True
        assert (await opened(browser, here, alert_id="a1"))[1]["code"] == "register.away"
        here.register.is_cut = False
    assert here.views.counts == {}
