"""People's acts over real HTTP, into a real register and through the real core: done once, by somebody with a name,
signed, and answered with what became of them.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from cior_core.model import AlertStatus, DataClass, RawId, RawPointer
from cior_core.people import Grant, LedgerEntry, Person, Scope
from cior_core.privacy import Role
from cior_register import acts as kept
from cior_register import people
from cior_store.answers import RawRow
from integration.console.api_rig import Office, act, got, office
from integration.console.wall_rig import CANARY, SILENT, alert


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


async def pressed(here: Office, number: int = 1) -> str:
    """A bus driver presses, and the feed has it."""
    found = here.centre.press(number)
    await asyncio.sleep(0.02)
    return found


LONG = b'{"kind":"note","reason":"%b"}' % (b"x" * 10_000_000)


async def employed(here: Office, who: Person) -> None:
    """Somebody whom the register knows."""
    added = LedgerEntry(at_ms=1, actor="test", act="people.add")
    await here.register.act(added, lambda each: people.add(each, who, now_ms=1))


async def act_of(browser: aiohttp.ClientSession, url: str, body: bytes) -> tuple[int, Any]:
    """An act whose body is these bytes."""
    headers = {"Idempotency-Key": "key-of-a-body", "Content-Type": "application/json"}
    async with browser.post(url, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


def acts_url(here: Office, alert_id: str) -> str:
    return f"{here.url}/api/v1/alerts/{alert_id}/acts"


async def test_law_13_an_act_is_in_the_ledger_signed_and_comes_back_done(here: Office) -> None:
    press = await pressed(here)
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        status, answer = await act(browser, acts_url(here, press), {"kind": "acknowledge", "seen_version": 1})
        assert (status, answer["state"], answer["recorded"]) == (200, "applied", "ledger")
        _, page = await got(browser, f"{here.url}/api/v1/alerts/{press}")
    assert (page["status"], page["assignee"], page["version"]) == ("acknowledged", "p-ana", answer["version"])
    row = here.register.rows[0]
    assert (row.id, row.actor, row.act, row.subject) == (answer["act"], "p-ana", "alert.acknowledge", press)
    sent = here.centre.sent[0]
    assert (sent.id, sent.actor, sent.proof is not None) == (answer["act"], "p-ana", True)


async def test_of_two_operators_the_later_one_sees_who_was_first(here: Office) -> None:
    press = await pressed(here)
    async with (
        here.signed_in(Role.OPERATOR, login="ana") as ana,
        here.signed_in(Role.OPERATOR, login="eva") as eva,
    ):
        body = {"kind": "acknowledge", "seen_version": 1}
        first, second = await asyncio.gather(
            act(ana, acts_url(here, press), body), act(eva, acts_url(here, press), body)
        )
        assert sorted([first[0], second[0]]) == [200, 409]
        won, lost = (("p-ana", second), ("p-eva", first))[first[0] != 200]
        assert lost[1]["first"]["who"] == won
        assert won in lost[1]["detail_es"]
        late = await act(eva if won == "p-ana" else ana, acts_url(here, press), body)
        assert (late[0], late[1]["code"], late[1]["first"]["who"]) == (409, "act.conflict", won)
    outcomes = [row.outcome.value for row in here.register.rows if row.act.startswith("alert.")]
    assert outcomes.count("allowed") in (1, 2)
    assert "refused" in outcomes


async def test_the_same_key_again_is_the_same_act(here: Office) -> None:
    press = await pressed(here)
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        body = {"kind": "note", "reason": "llamó el chofer"}
        tries = [await act(browser, acts_url(here, press), body, key="key-of-one-act") for _ in range(3)]
        assert len({answer["act"] for _, answer in tries}) == 1
        assert [status for status, _ in tries] == [200, 200, 200]
        other = await act(
            browser, acts_url(here, press), {"kind": "note", "reason": "otra"}, key="key-of-one-act"
        )
        assert (other[0], other[1]["code"]) == (422, "request.key_reused")
    assert len(here.centre.sent) == 1
    assert len([row for row in here.register.rows if row.act == "alert.note"]) == 1


async def test_the_same_key_at_the_same_moment_from_two_tabs_is_one_act(here: Office) -> None:
    press = await pressed(here)
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        body = {"kind": "note", "reason": "dos pestañas"}
        tries = await asyncio.gather(
            *(act(browser, acts_url(here, press), body, key="key-of-one-act") for _ in range(5))
        )
    assert {status for status, _ in tries} <= {200, 202}
    assert len({answer["act"] for _, answer in tries}) == 1
    assert len(here.centre.sent) == 1


async def test_another_persons_key_is_another_act(here: Office) -> None:
    press = await pressed(here)
    async with (
        here.signed_in(Role.OPERATOR, login="ana") as ana,
        here.signed_in(Role.OPERATOR, login="eva") as eva,
    ):
        body = {"kind": "note", "reason": "visto"}
        answers = [await act(each, acts_url(here, press), body, key="one-key-of-all") for each in (ana, eva)]
    assert len({answer["act"] for _, answer in answers}) == 2


@pytest.mark.parametrize("key", ["short", "with a blank", "x" * 81, "semi;colon-key"])
async def test_without_a_usable_key_nothing_is_done(here: Office, key: str) -> None:
    press = await pressed(here)
    async with here.signed_in(Role.OPERATOR) as browser:
        status, answer = await act(browser, acts_url(here, press), {"kind": "acknowledge"}, key=key)
    assert (status, answer["code"]) == (400, "request.key_missing")
    assert here.centre.sent == []


async def test_an_act_that_the_bus_cannot_take_is_kept_and_sent_later_once(here: Office) -> None:
    press = await pressed(here)
    here.centre.is_away = True
    async with here.signed_in(Role.OPERATOR) as browser:
        status, answer = await act(
            browser, acts_url(here, press), {"kind": "acknowledge"}, key="the-key-of-it"
        )
        assert (status, answer["state"]) == (202, "kept")
        assert [each.id for each in here.register.read_now(kept.unsent)] == [answer["act"]]
        here.centre.is_away = False
        status, answer = await act(
            browser, acts_url(here, press), {"kind": "acknowledge"}, key="the-key-of-it"
        )
        assert (status, answer["state"]) == (200, "applied")
    assert len(here.centre.sent) == 1
    await here.register.note(LedgerEntry(at_ms=1, actor="test", act="wait"))
    assert here.register.read_now(kept.unsent) == []


async def test_law_13_an_act_on_its_way_to_a_slow_bus_is_not_sent_a_second_time(here: Office) -> None:
    press = await pressed(here)
    here.centre.takes_s = 1.5
    stop = asyncio.Event()
    sending = asyncio.create_task(here.handling.book.run(stop))
    async with here.signed_in(Role.OPERATOR) as browser:
        tried = []
        for n in range(12):
            asked = act(
                browser, acts_url(here, press), {"kind": "note", "reason": "visto"}, key=f"the-key-{n % 4}"
            )
            tried.append(asyncio.create_task(asked))
            await asyncio.sleep(0.15)
        await asyncio.gather(*tried)
    stop.set()
    await sending
    assert len(here.centre.sent) == len({each.id for each in here.centre.sent}) == 4


async def test_what_a_dead_console_took_and_did_not_send_its_successor_sends(here: Office) -> None:
    press = await pressed(here)
    here.centre.is_away = True
    async with here.signed_in(Role.OPERATOR) as browser:
        await act(browser, acts_url(here, press), {"kind": "acknowledge"})
    here.centre.is_away = False
    here.app()  # another console, on the same register
    stop = asyncio.Event()
    sending = asyncio.create_task(here.handling.book.run(stop))
    await asyncio.wait_for(here.centre.came.wait(), 5)
    stop.set()
    await sending
    assert here.centre.sent[0].alert_id == press


async def test_law_4_an_act_that_a_dead_console_sent_and_did_not_note_is_sent_again_and_nobody_is_accused(
    here: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two: the bus has the act, the register does not know that it has."""
    press = await pressed(here)
    noting = threading.Event()  # it answers when the core has the act, and notes it when the bus confirmed
    monkeypatch.setattr(kept, "note_sent", lambda *_, **__: noting.set())
    async with here.signed_in(Role.OPERATOR) as browser:
        status, answer = await act(browser, acts_url(here, press), {"kind": "acknowledge"})
    assert (status, answer["state"]) == (200, "applied")
    assert await asyncio.to_thread(noting.wait, 30)
    assert [each.id for each in here.register.read_now(kept.unsent)] == [answer["act"]]
    monkeypatch.undo()
    here.clock.now_ms += 3_600_000
    here.centre.came.clear()
    here.app()  # another console, on the same register
    stop = asyncio.Event()
    sending = asyncio.create_task(here.handling.book.run(stop))
    await asyncio.wait_for(here.centre.came.wait(), 30)
    stop.set()
    await sending
    assert here.centre.refused == []
    assert [each.id for each in here.centre.sent] == [answer["act"]] * 2
    assert here.centre.alert(press).version == answer["version"]


async def test_an_act_whose_outcome_is_late_is_told_to_be_on_its_way(here: Office) -> None:
    press = await pressed(here)
    here.centre.is_slow = True
    async with here.signed_in(Role.OPERATOR) as browser:
        status, answer = await act(browser, acts_url(here, press), {"kind": "acknowledge"}, Prefer="wait=0")
        assert (status, answer["state"]) == (202, "sent")
        here.centre.work(here.centre.sent[0])


async def test_law_13_without_the_register_life_at_risk_is_taken_and_nothing_else(here: Office) -> None:
    press = await pressed(here)
    other = here.centre.press(2, type="suspicious.activity", life_safety=False)
    await asyncio.sleep(0.02)
    here.register.is_cut = True
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        for url, body in (
            (acts_url(here, press), {"kind": "close", "disposition": "confirmed"}),
            (acts_url(here, press), {"kind": "note", "reason": "x"}),
            (acts_url(here, other), {"kind": "acknowledge"}),
            (f"{here.url}/api/v1/incidents", {"type": "gun.shooting", "place": {"district": "centro"}}),
        ):
            status, answer = await act(browser, url, body)
            assert (status, answer["code"]) == (503, "register.away")
        status, answer = await act(browser, acts_url(here, press), {"kind": "acknowledge"})
        assert (status, answer["state"], answer["recorded"]) == (200, "applied", "journal")
    here.register.is_cut = False
    await here.register.note(LedgerEntry(at_ms=1, actor="test", act="wait"))
    rows = [row for row in here.register.rows if row.act == "alert.acknowledge"]
    assert [(row.actor, row.subject, "journal" in row.detail) for row in rows] == [("p-ana", press, True)]


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.AGENCY])
async def test_law_9_an_act_that_a_role_may_not_take_is_refused_and_written_down(
    here: Office, role: Role
) -> None:
    press = await pressed(here)
    async with here.signed_in(
        role, Scope(agencies=("provincial",) if role is Role.AGENCY else ())
    ) as browser:
        status, answer = await act(
            browser, acts_url(here, press), {"kind": "close", "disposition": "false_alarm"}
        )
    assert (status, answer["code"]) == (403, "act.not_yours")
    row = here.register.rows[-1]
    assert (row.act, row.outcome.value, row.rule) == ("alert.act", "refused", "act.not_yours")
    assert here.centre.sent == []


async def test_an_agency_stamps_its_own_clock_only(here: Office) -> None:
    press = await pressed(here)
    async with here.signed_in(Role.AGENCY, Scope(agencies=("provincial",))) as browser:
        body = {"kind": "stamp", "agency": "somebody_else", "stage": "accepted"}
        status, answer = await act(browser, acts_url(here, press), body)
        assert (status, answer["code"]) == (403, "act.jurisdiction")


async def test_law_17_a_sealed_alert_is_taken_by_its_team_and_not_by_the_room(here: Office) -> None:
    here.feed.apply(SILENT)
    await asyncio.sleep(0.02)
    async with here.signed_in(Role.OPERATOR) as browser:
        status, answer = await act(browser, acts_url(here, SILENT.id), {"kind": "acknowledge"})
        assert (status, answer["code"]) == (403, "act.not_yours")


async def test_an_incident_is_opened_by_hand_where_one_may(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR, Scope(districts=("centro",))) as browser:
        url, place = f"{here.url}/api/v1/incidents", {"lat": -32.95, "lon": -60.64, "district": "centro"}
        status, answer = await act(
            browser, url, {"type": "gun.shooting", "place": place, "text": "lo vio el móvil 7"}
        )
        assert (status, answer["state"]) == (200, "applied")
        _, page = await got(browser, f"{here.url}/api/v1/alerts/{answer['alert_id']}")
        assert (page["type"], page["district"]) == ("gun.shooting", "centro")
        elsewhere = await act(browser, url, {"type": "gun.shooting", "place": {"district": "sur"}})
        assert (elsewhere[0], elsewhere[1]["code"]) == (403, "act.jurisdiction")
        nowhere = await act(
            browser, url, {"type": "gun.shooting", "place": {"lat": 1.0, "district": "centro"}}
        )
        assert (nowhere[0], nowhere[1]["code"]) == (422, "act.incomplete")


async def test_a_note_of_ten_megabytes_is_refused_and_html_stays_text(here: Office) -> None:
    press = await pressed(here)
    async with here.signed_in(Role.OPERATOR) as browser:
        status, answer = await act_of(browser, acts_url(here, press), LONG)
        assert (status, answer["code"]) == (413, "request.too_large")
        status, answer = await act(browser, acts_url(here, press), {"kind": "note", "reason": "x" * 501})
        assert (status, answer["code"]) == (422, "request.malformed")
        said = "<img src=x onerror=alert(1)> \u202eatla\u200b שלום"
        status, _ = await act(browser, acts_url(here, press), {"kind": "note", "reason": said})
        assert status == 200
        _, page = await got(browser, f"{here.url}/api/v1/alerts/{press}")
    assert page["notes"] == ["<img src=x onerror=alert(1)> ⟨U+202E⟩atla⟨U+200B⟩ שלום"]


async def test_the_posture_is_the_supervisors(here: Office) -> None:
    url, until_ms = f"{here.url}/api/v1/posture", here.now_ms() + 3_600_000
    body = {"posture": "transport_attacks", "reason": "tres hechos", "until_ms": until_ms}
    async with here.signed_in(Role.OPERATOR) as operator, here.signed_in(Role.SUPERVISOR) as supervisor:
        assert (await act(operator, url, body))[0] == 403
        status, answer = await act(supervisor, url, body)
        assert (status, answer["state"]) == (200, "applied")


async def test_a_post_changes_hands_with_what_is_open(here: Office) -> None:
    for name in ("ana", "eva"):
        who = Person(id=f"p-{name}", login=name, name=name, grants=(Grant(Role.OPERATOR),))
        await employed(here, who)
    press = await pressed(here)
    async with (
        here.signed_in(Role.OPERATOR, login="ana") as ana,
        here.signed_in(Role.OPERATOR, login="eva") as eva,
    ):
        assert (await act(ana, f"{here.url}/api/v1/shift", {"post": "puesto-1"}))[0] == 200
        taken = await act(eva, f"{here.url}/api/v1/shift", {"post": "puesto-1"})
        assert (taken[0], taken[1]["code"]) == (409, "shifts.taken")
        assert (await act(ana, acts_url(here, press), {"kind": "acknowledge"}))[0] == 200
        left = [{"alert_id": press, "why": "espera móvil"}]
        told = {"post": "puesto-1", "assignee": "p-eva", "reason": "todo tranquilo", "open_alerts": left}
        status, answer = await act(ana, f"{here.url}/api/v1/shift/hand-over", told)
        assert (status, answer["state"]) == (200, "applied")
        _, shift = await got(eva, f"{here.url}/api/v1/shift")
        assert [(each["post"], each["person_id"]) for each in shift["present"]] == [("puesto-1", "p-eva")]
        assert shift["hand_overs"][0]["open_alerts"] == [{"alert_id": press, "why": "espera móvil"}]
        _, load = await got(eva, f"{here.url}/api/v1/load")
        assert [(each["person"], each["open"]) for each in load["shares"]] == [("p-eva", 1)]


async def test_the_auditor_reads_the_ledger_of_it_all_and_that_is_in_it(here: Office) -> None:
    press = await pressed(here)
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        await act(browser, acts_url(here, press), {"kind": "acknowledge"})
    async with here.signed_in(Role.AUDITOR, login="luz") as browser:
        bare = await got(browser, f"{here.url}/api/v1/ledger")
        assert (bare[0], bare[1]["code"]) == (403, "access.reason_missing")
        why = {"Cior-Reason": "control%20de%20octubre"}
        status, rows = await got(browser, f"{here.url}/api/v1/ledger?act=alert.", headers=why)
        assert (status, [row["act"] for row in rows]) == (200, ["alert.acknowledge"])
        _, rows = await got(browser, f"{here.url}/api/v1/ledger?limit=1", headers=why)
    assert [(row["actor"], row["act"], row["reason"]) for row in rows] == [
        ("p-luz", "ledger.read", "control de octubre")
    ]


async def test_law_17_a_box_leaves_closed_after_its_row_to_a_team_that_is_freshly_signed_in(
    here: Office,
) -> None:
    raw = RawPointer(raw_id=RawId("r-1"), sha256="0" * 64)
    member = alert(9).members[0]
    sealed = alert(
        9, silent=True, data_class=DataClass.SEALED, members=(msgspec.structs.replace(member, raw=raw),)
    )
    here.feed.apply(sealed)
    here.feed.apply(alert(1))
    await asyncio.sleep(0.02)
    here.store.boxes["r-1"] = RawRow(
        raw_id="r-1",
        source="p-1",
        received_ms=1,
        sha256="0" * 64,
        content_type="x",
        others=0,
        payload=b"closed box",
    )
    url, why = f"{here.url}/api/v1/sealed/{sealed.id}/openings", {"reason": "acompañamiento"}
    async with here.signed_in(Role.RESPONSE_TEAM, login="sol", fresh=False) as stale:
        status, answer = await act(stale, url, why)
        assert (status, answer["code"]) == (401, "session.not_fresh")
    async with here.signed_in(Role.OPERATOR) as operator:
        assert (await act(operator, url, why))[0] == 403
    async with here.signed_in(Role.RESPONSE_TEAM, login="mar") as team:
        status, answer = await act(team, url, why)
        assert (status, answer["boxes"][0]["box"]) == (200, "Y2xvc2VkIGJveA==")
        assert CANARY not in str(answer)
        plain = await act(team, f"{here.url}/api/v1/sealed/a1/openings", why)
        assert (plain[0], plain[1]["code"]) == (409, "sealed.not_sealed")
        here.register.is_cut = True
        assert (await act(team, url, why))[0] == 503
        here.register.is_cut = False
    told = [
        (row.actor, row.outcome.value, row.reason) for row in here.register.rows if row.act == "sealed.open"
    ]
    assert ("p-mar", "allowed", "acompañamiento") in told
    assert ("p-sol", "refused", "acompañamiento") in told


async def test_a_closed_alert_can_still_be_read_and_reopened(here: Office) -> None:
    press = await pressed(here)
    async with here.signed_in(Role.OPERATOR) as browser:
        await act(browser, acts_url(here, press), {"kind": "close", "disposition": "false_alarm"})
        status, page = await got(browser, f"{here.url}/api/v1/alerts/{press}")
        assert (status, page["status"]) == (200, AlertStatus.CLOSED)
        status, answer = await act(browser, acts_url(here, press), {"kind": "reopen"})
        assert (status, answer["state"]) == (200, "applied")
