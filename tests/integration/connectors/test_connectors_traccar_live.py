"""Traccar on the real road: HTTP POST → process → Tansu topics; kills, outages, a full spool, a sealed line."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cior_bus import topics
from cior_bus.embedded.tansu import Tansu, free_port
from cior_bus.sealed_content import opened
from cior_connectors.builtin.traccar.forwarder import Forwarder, message
from cior_core.model import DataClass, PlaceMethod
from engines.long_runs import often
from integration.connectors.connector_process import SECRET, ConnectorProcess, make_topics, post_until_taken
from integration.connectors.topic_reading import Topics

pytestmark = [pytest.mark.tansu, pytest.mark.timeout(240)]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def press(n: int, **changes: Any) -> dict[str, object]:
    return message(
        unique_id=f"86400000000{n:04d}",
        device_ms=now_ms() - 500,
        lat=-32.95,
        lon=-60.64,
        alarm="sos",
        number=n,
        **changes,
    )


@pytest.fixture
def connector(tansu: Tansu, tmp_path: Path) -> ConnectorProcess:
    make_topics(tansu.bootstrap)
    return ConnectorProcess(tmp_path, bootstrap=tansu.bootstrap, port=free_port())


async def test_a_press_and_a_position_reach_their_topics_with_the_exact_bytes(
    tansu: Tansu, connector: ConnectorProcess
) -> None:
    body = press(1)
    with connector:
        async with connector.forwarder() as forwarder:
            status, reply = await forwarder.post(body)
        read = Topics(tansu.bootstrap)
        urgent = [event for event in read.events(topics.URGENT.name, at_least=1) if event.raw is not None]
        raws = read.raws(at_least=1)
    assert (status, json.loads(reply)) == (202, {"outcome": "accepted", "events": 2})
    assert [(event.type, event.registered, event.life_safety) for event in urgent] == [
        ("panic.bus", False, True)
    ]
    assert raws[0].payload == json.dumps(body).encode()
    assert (raws[0].events, raws[0].dead, urgent[0].raw and urgent[0].raw.raw_id) == (2, 0, raws[0].id)


async def test_telemetry_travels_in_envelopes_and_needs_no_broker_round_trip(
    tansu: Tansu, connector: ConnectorProcess
) -> None:
    with connector:
        async with connector.forwarder() as forwarder:
            posts = [
                forwarder.post(
                    message(unique_id=f"bus{n:03d}", device_ms=now_ms(), lat=-32.9, lon=-60.6, number=n)
                )
                for n in range(300)
            ]
            statuses = [status for status, _ in await asyncio.gather(*posts)]
        read = Topics(tansu.bootstrap)
        positions = [
            event for event in read.events(topics.TELEMETRY.name, at_least=300) if event.type == "position"
        ]
        messages = read.values(topics.TELEMETRY.name)
    assert statuses == [202] * 300
    assert len({event.id for event in positions}) == 300
    assert len(messages) < 300


@pytest.mark.crash
@pytest.mark.long
async def test_law_1_killed_between_any_steps_no_answered_press_is_lost_and_copies_collapse(
    tansu: Tansu, connector: ConnectorProcess
) -> None:
    """Presses stream in while the process dies five times (200 in the long form) with kill -9; each is posted until it
    is answered, as Traccar does.
    """
    answered: set[str] = set()
    done = asyncio.Event()

    async def fleet(offset: int) -> None:
        n = offset
        while not done.is_set() and n < 10_000:
            body = press(n)
            async with connector.forwarder(timeout_s=5.0) as forwarder:
                await post_until_taken(forwarder, body)
            answered.add(f"vehicle:86400000000{n:04d}")
            n += 4

    with connector:
        fleets = [asyncio.ensure_future(fleet(offset)) for offset in range(4)]
        for pause_s in (0.25, 0.4, 0.15, 0.6, 0.3) * often(1, long=40):
            await asyncio.sleep(pause_s)
            connector.kill()
            await asyncio.to_thread(connector.start)
        await asyncio.sleep(0.3)
        done.set()
        await asyncio.gather(*fleets)
        found = await asyncio.to_thread(
            Topics(tansu.bootstrap).events, topics.URGENT.name, at_least=len(answered)
        )
    presses = [event for event in found if event.type == "panic.bus"]
    assert len(answered) > 20
    assert answered - {event.subject for event in presses} == set()
    by_subject = {
        subject: {event.id for event in presses if event.subject == subject} for subject in answered
    }
    assert {subject: ids for subject, ids in by_subject.items() if len(ids) != 1} == {}


@pytest.mark.crash
async def test_broker_away_presses_are_still_answered_from_the_spool_and_drained_later(
    tansu: Tansu, connector: ConnectorProcess
) -> None:
    with connector:
        async with connector.forwarder() as forwarder:
            assert (await forwarder.post(press(1)))[0] == 202
            tansu.kill()
            answers = [(await forwarder.post(press(n)))[0] for n in range(2, 12)]
            assert answers == [202] * 10
            connector.kill()
            await asyncio.to_thread(connector.start)
            assert (await forwarder.post(press(12)))[0] == 202
            tansu.start()
            make_topics(tansu.bootstrap)
            found = await asyncio.to_thread(Topics(tansu.bootstrap).events, topics.URGENT.name, at_least=11)
    subjects = {event.subject for event in found if event.type == "panic.bus"}
    assert {f"vehicle:86400000000{n:04d}" for n in range(2, 13)} <= subjects


async def test_what_cannot_be_decoded_is_kept_and_shown_and_not_retried(
    tansu: Tansu, connector: ConnectorProcess
) -> None:
    with connector:
        async with connector.forwarder() as forwarder:
            for garbage in (
                b"\x00\xffgarbage",
                b'{"position": {"latitude": NaN}}',
                b'{"position":{},"position":{}}',
                b"[]",
            ):
                status, reply = await forwarder.post(garbage)
                assert (status, json.loads(reply)["outcome"]) == (202, "rejected")
        read = Topics(tansu.bootstrap)
        dead = read.dead(at_least=4)
        urgent = [
            event for event in read.events(topics.URGENT.name, at_least=4) if event.type == "source.undecoded"
        ]
    assert [letter.code for letter in dead] == [
        "traccar.json",
        "traccar.not_finite",
        "traccar.duplicate_key",
        "traccar.shape",
    ]
    assert opened(dead[0].payload, bytes(connector.key)).payload == b"\x00\xffgarbage"
    assert len(urgent) == 4


async def test_twenty_megabytes_are_cut_said_so_and_cost_no_memory(
    tansu: Tansu, connector: ConnectorProcess
) -> None:
    with connector:
        assert connector._child is not None
        before_kib = _rss_kib(connector._child.pid)
        async with connector.forwarder() as forwarder:
            statuses = [(await forwarder.post(b'{"position":"' + b"x" * 20_000_000))[0] for _ in range(3)]
        grown_kib = _peak_kib(connector._child.pid) - before_kib
        dead = Topics(tansu.bootstrap).dead(at_least=3)
    assert statuses == [202] * 3
    assert [letter.code for letter in dead] == ["payload.oversized"] * 3
    boxes = [opened(letter.payload, bytes(connector.key)) for letter in dead]
    assert [(box.truncated_from_bytes, len(box.payload)) for box in boxes] == [(20_000_013, 800_000)] * 3
    assert grown_kib < 60_000


async def test_without_the_secret_nothing_is_taken_and_nothing_is_kept(
    tansu: Tansu, connector: ConnectorProcess
) -> None:
    with connector:
        for secret in ("", "wrong-but-long-enough"):
            async with Forwarder(connector.url, secret=secret) as forwarder:
                assert (await forwarder.post(press(1)))[0] == 401
        assert Topics(tansu.bootstrap).raws() == []
    assert SECRET not in connector.log.read_text()


async def test_it_stops_within_two_seconds(tansu: Tansu, connector: ConnectorProcess) -> None:
    with connector:
        async with connector.forwarder() as forwarder:
            await forwarder.post(press(1))
        assert await asyncio.to_thread(connector.stop) < 2.0


@pytest.mark.crash
async def test_law_9_a_sealed_line_leaks_nothing_anywhere(tansu: Tansu, tmp_path: Path) -> None:
    """Fifty canary identities at fifty canary places, and undecodable bytes, over a sealed line, with the broker away
    for half of them; then every topic, key, header, log line and spool file is searched, base64 opened.
    """
    make_topics(tansu.bootstrap)
    connector = ConnectorProcess(tmp_path, bootstrap=tansu.bootstrap, port=free_port(), sealed=True)
    canaries: set[bytes] = set()
    posted: list[bytes] = []
    with connector:
        async with connector.forwarder() as forwarder:
            for n in range(50):
                if n == 25:
                    tansu.kill()
                name, lat, lon = f"canary-maria-{n:03d}", -32.9 - n / 9_999, -60.6 - n / 7_777
                body = json.dumps(
                    message(
                        unique_id=name,
                        device_ms=now_ms(),
                        lat=lat,
                        lon=lon,
                        alarm="sos",
                        name=f"Vecina {n:03d} Canario",
                    )
                ).encode()
                canaries |= (
                    {name.encode(), f"Vecina {n:03d}".encode(), str(lat)[:8].encode(), str(lon)[:8].encode()}
                    if n
                    else {name.encode()}
                )
                posted.append(body)
                assert (await forwarder.post(body))[0] == 202
            broken = b'{"position": canary-undecodable-9931, Vecina 051'
            canaries.add(b"canary-undecodable")
            posted.append(broken)
            assert (await forwarder.post(broken))[0] == 202
        before = _spool_bytes(tmp_path / "spool")
        # The centre's broker opens its port when its topics are there: Tansu takes and loses what comes for a topic it
        # no longer has (here the dead letters', which the connector knew from before and uses for the first time).
        with connector.paused():
            tansu.start()
            make_topics(tansu.bootstrap)
        read = Topics(tansu.bootstrap)
        sealed = await asyncio.to_thread(read.raws, topics.SEALED.name, at_least=26)
        dead = await asyncio.to_thread(
            read.dead, at_least=1
        )  # before the connector ends: its spool may drain topic by topic
        everything = {each.name: read.values(each.name) for each in topics.CATALOGUE}
    assert [letter.code for letter in dead] == ["sealed.rejected"]
    seen = {f"{name} key {n}": pair[0] for name, pairs in everything.items() for n, pair in enumerate(pairs)}
    seen |= {
        f"{name} value {n}": pair[1] for name, pairs in everything.items() for n, pair in enumerate(pairs)
    }
    seen |= {
        "log": connector.log.read_bytes(),
        "spool": before,
        "spool after": _spool_bytes(tmp_path / "spool"),
    }
    seen |= {"state": _spool_bytes(tmp_path / "state")}
    seen |= {f"box {record.id}": record.payload for record in sealed} | {
        f"dead {n}": letter.payload for n, letter in enumerate(dead)
    }
    assert {
        where: canary
        for where, value in seen.items()
        for canary in canaries
        if any(form in value for form in _forms_of(canary))
    } == {}
    unsealed = [opened(record.payload, bytes(connector.key)).payload for record in sealed]
    assert set(unsealed) <= set(posted)
    assert set(posted[25:]) <= set(unsealed)
    assert read.raws() == []
    events = [event for event in read.events(topics.URGENT.name) if event.raw is not None]
    assert {event.type for event in events} == {"silent", "source.undecoded"}
    assert all(
        event.data_class is DataClass.SEALED
        and event.place.method in {PlaceMethod.UNKNOWN, PlaceMethod.DISTRICT}
        for event in events
    )


async def test_a_fleet_reports_and_a_press_is_answered(
    tansu: Tansu, connector: ConnectorProcess, record_property: Callable[[str, object], None]
) -> None:
    """744 buses report once while presses come in: every one answered; the press's answer time is recorded, not judged
    (shared machine).
    """
    with connector:
        async with connector.forwarder() as forwarder:
            began = time.perf_counter()
            reports = [
                forwarder.post(
                    message(unique_id=f"bus{n:03d}", device_ms=now_ms(), lat=-32.9, lon=-60.6, number=n)
                )
                for n in range(744)
            ]
            fleet = asyncio.gather(*reports)
            times = []
            for n in range(10):
                at = time.perf_counter()
                async with connector.forwarder() as own:
                    assert (await own.post(press(2000 + n)))[0] == 202
                times.append(time.perf_counter() - at)
            assert {status for status, _ in await fleet} == {202}
            took_s = time.perf_counter() - began
    record_property("posts_per_s", round(754 / took_s))
    record_property("press_answer_ms_median", round(sorted(times)[5] * 1000))
    print(
        f"\n{754 / took_s:.0f} posts/s, press answered in {sorted(times)[5] * 1000:.0f} ms median, "
        f"{max(times) * 1000:.0f} ms worst"
    )


def _forms_of(text: bytes) -> list[bytes]:
    """The text as it is, and the base64 that anything holding it must hold, at each of the three alignments."""
    import base64

    forms = [text]
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + text)
        forms.append(whole[4 if shift else 0 : (shift + len(text)) // 3 * 4])
    return [form for form in forms if len(form) >= 4]


def _spool_bytes(folder: Path) -> bytes:
    return (
        b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
        + repr(sorted(os.walk(folder))).encode()
    )


def _rss_kib(pid: int) -> int:
    return _status_kib(pid, "VmRSS")


def _peak_kib(pid: int) -> int:
    return _status_kib(pid, "VmHWM")


def _status_kib(pid: int, name: str) -> int:
    line = next(
        each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith(name)
    )
    return int(line.split()[1])


async def test_other_paths_and_methods_are_refused(tansu: Tansu, connector: ConnectorProcess) -> None:
    with connector:
        async with aiohttp.ClientSession() as session:
            async with session.get(connector.url) as answer:
                assert answer.status == 405
            async with session.post(connector.url + "/else") as answer:
                assert answer.status == 404
