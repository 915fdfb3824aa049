"""From a command to a phone and back: who is told, what becomes of it, and what a link does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
import structlog

from cior_connectors.builtin.notify import ringing
from cior_connectors.builtin.notify.config import WatcherSection
from cior_connectors.builtin.notify.page import BEAT_SIGNATURE, beat_signature
from cior_connectors.contract import Secret
from cior_core.errors import ConfigInvalid
from cior_core.model import ActionKind, CommandKind
from integration.notify.desk import CONTACTS, DUTY, SECRET, Desk, command, fetch, now_ms
from integration.notify.peers import HttpPeer, until


def silent(number: int = 1, **changes: object) -> object:
    return command(number, parameters={"level": "P1", "silent": True}, **changes)


async def told(desk: Desk, peer: HttpPeer, calls: int = 1) -> None:
    await until(lambda: len(peer.calls) >= calls)
    await until(lambda: len(desk.lent.receipts) >= 1)


async def test_who_is_on_duty_is_told_and_both_receipts_come(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        receipt = await desk.source.act(command())
        await told(desk, peer)
    (call,) = peer.calls
    assert receipt.outcome == "accepted"
    assert desk.outcomes == [("done", "1/1")]
    assert call.json["to"] == "+54 9 261 555-0001"
    assert (call.json["title"], call.json["text"].splitlines()[0]) == (
        "Alerta P1: Botón de pánico en colectivo",
        "Avisar a la policía.",
    )


async def test_a_command_that_is_told_again_rings_nobody_again(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        again = command()
        await desk.source.act(again)
        await told(desk, peer)
        assert (await desk.source.act(again)).outcome == "accepted"
        await asyncio.sleep(0.1)
        assert len(peer.calls) == 1


async def test_a_channel_that_is_ill_is_tried_again_with_the_same_key(tmp_path: Path) -> None:
    async with HttpPeer(500, "hang", "half", 503) as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command())
        await told(desk, peer, 5)
    assert desk.outcomes == [("done", "1/1")]
    assert len({call.headers["idempotency-key"] for call in peer.calls}) == 1
    assert len({call.body for call in peer.calls}) == 1


async def test_who_is_asked_to_wait_longer_than_the_command_lives_asks_somebody_else(tmp_path: Path) -> None:
    wait = b"HTTP/1.1 429 X\r\nRetry-After: 60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with HttpPeer(wait) as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command(expires_ms=now_ms() + 20_000))
        await until(lambda: len(desk.lent.receipts) == 1)
    assert [call.json["to"][-4:] for call in peer.calls] == ["0001", "0002"]
    assert desk.outcomes == [("done", "1/2")]


async def test_who_cannot_be_reached_is_replaced_at_once_by_the_deputies(tmp_path: Path) -> None:
    async with HttpPeer(404) as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command())
        await told(desk, peer, 2)
    assert [call.json["to"][-4:] for call in peer.calls] == ["0001", "0002"]
    assert desk.outcomes == [("done", "1/2")]


async def test_nobody_reached_is_a_failure_and_an_alarm_with_a_cure(tmp_path: Path) -> None:
    async with HttpPeer(404, 404, 404, 404) as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command())
        await until(lambda: len(desk.troubles) == 1 and len(desk.lent.receipts) == 1)
    assert desk.outcomes == [("failed", "notify.http_404")]
    assert (desk.troubles[0]["team"], desk.troubles[0]["code"]) == ("police", "notify.nobody_reached")


async def test_a_team_without_anybody_is_an_alarm_and_somebody_else_is_told(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command(target="team:ambulance"))
        await desk.source.act(command(2, target="team:fire_brigade"))
        await until(lambda: len(peer.calls) == 2 and len(desk.troubles) == 2)
    assert {call.json["to"][-4:] for call in peer.calls} == {"0003"}
    assert {call.json["language"] for call in peer.calls} == {"en"}
    codes = {each["team"]: each["code"] for each in desk.troubles}
    assert codes == {"ambulance": "duty.nobody_on_duty", "fire_brigade": "duty.team_unknown"}


async def test_the_alarm_ends_when_somebody_is_there_again(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command(target="team:ambulance"))
        shift = '\nshift = [{ starts = "00:00", ends = "00:00", people = ["eva"] }]\n'
        (tmp_path / "duty.toml").write_text(DUTY + shift, encoding="utf-8")
        await desk.source.act(command(2, target="team:ambulance"))
        await until(lambda: len(desk.troubles) == 2 and len(peer.calls) == 2)
    assert [each.get("code", "") for each in desk.troubles] == ["duty.nobody_on_duty", ""]


async def test_deputies_are_told_when_their_timer_asks_for_them(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command(target="team:police/deputy"))
        await told(desk, peer)
        receipt = await desk.source.act(command(2, target="team:supervisor/deputy"))
    assert peer.calls[0].json["to"].endswith("0002")
    assert (receipt.outcome, receipt.detail) == ("done", "duty.no_deputy")


async def test_a_directory_that_is_spoilt_leaves_what_it_said_in_force(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command())
        (tmp_path / "duty.toml").write_text("person = [", encoding="utf-8")
        await desk.source.act(command(2))
        await until(lambda: len(peer.calls) == 2)
        (tmp_path / "duty.toml").write_text(DUTY + "\n", encoding="utf-8")
        await desk.source.act(command(3))
    assert desk.lent.health == ["config.syntax", ""]


async def test_contacts_that_others_may_read_are_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "contacts.toml").chmod(0o644)
    with pytest.raises(ConfigInvalid) as refused:
        await desk.source.open(desk.lent)
    assert refused.value.code == "keys.readable_by_others"
    await desk.source.close()


async def test_while_nobody_keeps_the_last_word_it_is_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ringing, "_SAY_AGAIN_S", 0.01)
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        desk.lent.away = 3
        await desk.source.act(command())
        await told(desk, peer)
    assert (desk.outcomes, desk.lent.away) == ([("done", "1/1")], 0)


# --- links ---


async def test_law_13_opening_a_link_confirms_nothing_and_its_button_does_once(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command())
        await told(desk, peer)
        url = desk.local(peer.calls[0].json["link"])
        for method in ("GET", "HEAD", "GET"):
            status, _ = await fetch(method, url)
            assert (status, desk.lent.actions) == (200, [])
        pressed = await fetch("POST", url)
        again = await fetch("POST", url)
        opened = await fetch("GET", url)
    (action,) = desk.lent.actions
    assert (pressed[0], again[0], opened[0]) == (200, 410, 410)
    assert (action.kind, action.alert_id, action.actor) == (ActionKind.ACKNOWLEDGE, "alert-1", "ana")


async def test_a_task_that_is_taken_is_a_note_and_acknowledges_nothing(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command(kind=CommandKind.TASK))
        await told(desk, peer)
        await fetch("POST", desk.local(peer.calls[0].json["link"]))
    (action,) = desk.lent.actions
    assert (action.kind, action.actor) == (ActionKind.NOTE, "ana")
    assert "Avisar a la policía." in action.reason


async def test_law_13_forged_expired_and_foreign_links_do_nothing(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command())
        await desk.source.act(command(2, issued_ms=now_ms() - 3_601_000))
        await until(lambda: len(peer.calls) == 2)
        links = {call.json["id"]: desk.local(call.json["link"]) for call in peer.calls}
        good, old = list(links.values())
        forged = good[:-1] + ("A" if good[-1] != "A" else "Q")
        flipped = good[:-30] + ("A" if good[-30] != "A" else "B") + good[-29:]
        statuses = [(await fetch("POST", url))[0] for url in (forged, flipped, old, good[:-4], good + "AAAA")]
        assert 200 not in statuses
        assert desk.lent.actions == []


async def test_somebody_who_left_the_directory_confirms_nothing(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command())
        await told(desk, peer)
        (tmp_path / "duty.toml").write_text(DUTY.replace('"ana"', '"otra"'), encoding="utf-8")
        status, _ = await fetch("POST", desk.local(peer.calls[0].json["link"]))
    assert (status, desk.lent.actions) == (404, [])


async def test_while_nobody_keeps_the_decision_the_page_says_so_and_it_is_kept_later(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command())
        await told(desk, peer)
        desk.lent.away = 1
        url = desk.local(peer.calls[0].json["link"])
        first = await fetch("POST", url)
        second = await fetch("POST", url)
    assert (first[0], second[0], len(desk.lent.actions)) == (503, 200, 1)


async def test_links_and_what_was_confirmed_survive_a_restart(tmp_path: Path) -> None:
    async with HttpPeer() as peer:
        async with Desk(tmp_path, peer.url) as desk:
            await desk.source.act(command())
            await told(desk, peer)
            await desk.source.act(command(2))
            await until(lambda: len(peer.calls) == 2)
            tokens = [call.json["link"] for call in peer.calls]
            await fetch("POST", desk.local(tokens[0]))
        async with Desk(tmp_path, peer.url) as later:
            assert (await fetch("POST", later.local(tokens[0])))[0] == 410
            assert (await fetch("POST", later.local(tokens[1])))[0] == 200
        assert [each.alert_id for each in later.lent.actions] == ["alert-2"]


async def test_a_page_shows_hostile_text_as_text(tmp_path: Path) -> None:
    parameters = {**command().parameters, "text_es": "<script>x</script>\u202e", "district": '"><img src=x>'}
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        await desk.source.act(command(parameters=parameters))
        await told(desk, peer)
        _, page = await fetch("GET", desk.local(peer.calls[0].json["link"]))
    assert "<script>" not in page
    assert "<img" not in page
    assert "\u202e" not in page + peer.calls[0].json["text"]


# --- sealed ---

CANARY = "canario-Zulma-Quiroga-7714"


async def test_law_17_of_a_silent_alert_a_phone_hears_its_level_and_call_the_room(tmp_path: Path) -> None:
    """Whatever a command may carry by mistake: no message, page, log line, file or event has a word of it."""
    leaking = {
        "level": "P1",
        "silent": True,
        **dict.fromkeys(("type", "district", "text_es", "text_en", "subject", "place"), CANARY),
    }
    with structlog.testing.capture_logs() as lines:
        async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
            await desk.source.act(command(target="team:response_team", parameters=leaking))
            await told(desk, peer)
            _, page = await fetch("GET", desk.local(peer.calls[0].json["link"]))
            await fetch("POST", desk.local(peer.calls[0].json["link"]))
    (call,) = peer.calls
    assert (call.json["title"], call.json["text"].splitlines()[0]) == ("Alerta P1", "Llame a la sala.")
    files = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    said = repr([desk.lent.receipts, desk.lent.actions, desk.troubles]).encode()
    everything = [call.body, page.encode(), files, repr(lines).encode(), said]
    assert not [text for text in everything if CANARY.encode() in text]
    assert not [text for text in everything if b"silent" in text.lower()]


async def test_law_17_no_other_team_hears_of_a_silent_alert(tmp_path: Path) -> None:
    told_of = {"level": "P1", "silent": True}
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        wrong = await desk.source.act(command(target="team:police", parameters=told_of))
        unknown = await desk.source.act(command(2, target="team:nadie", parameters=told_of))
        await until(lambda: len(desk.troubles) == 2)
    assert (wrong.outcome, unknown.outcome, peer.calls) == ("failed", "failed", [])


async def test_no_log_line_has_a_name_or_a_number(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with HttpPeer(500, 404) as peer, Desk(tmp_path, peer.url) as desk:
            await desk.source.act(command())
            await until(lambda: len(desk.lent.receipts) == 1)
    assert lines
    assert not [word for word in ("555-00", "Ana", "ana'", "Eva") if word in repr(lines)]
    state = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"555-00" not in state
    assert CONTACTS.count("555-00") == 4


# --- watchers ---


async def test_a_watcher_is_heard_when_it_has_its_key_and_the_time(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        url = f"http://127.0.0.1:{desk.source.port}/beat/torre"
        statuses = []
        for secret, at_ms in ((SECRET, now_ms()), ("another", now_ms()), (SECRET, now_ms() - 400_000)):
            body = msgspec.json.encode({"type": "beat", "watcher": "torre", "at_ms": at_ms})
            statuses.append(
                (await fetch("POST", url, data=body, headers={BEAT_SIGNATURE: beat_signature(secret, body)}))[
                    0
                ]
            )
    assert (statuses, len(desk.beats)) == ([202, 401, 409], 1)


async def test_a_watcher_that_dies_is_told_and_told_again_when_it_is_back(tmp_path: Path) -> None:
    section = WatcherSection(name="torre", secret=Secret(SECRET), every_s=0.1)
    async with HttpPeer() as peer, Desk(tmp_path, peer.url, watcher=(section,)) as desk:
        await until(lambda: len(desk.troubles) == 1)
        body = msgspec.json.encode({"type": "beat", "watcher": "torre", "at_ms": now_ms()})
        url = f"http://127.0.0.1:{desk.source.port}/beat/torre"
        await fetch("POST", url, data=body, headers={BEAT_SIGNATURE: beat_signature(SECRET, body)})
        await until(lambda: len(desk.troubles) >= 2)
    assert [each.get("is_back", False) for each in desk.troubles[:2]] == [False, True]
