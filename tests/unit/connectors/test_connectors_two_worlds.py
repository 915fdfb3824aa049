"""Two worlds of one panel line, with and without a silent press, and with another panel's: who sees all that is
published outside the sealed topic cannot tell them apart, but for the one alert of the district (law 17).
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from cior_bus import topics
from cior_connectors._runtime.guard import guarded
from cior_connectors._runtime.records import Channel, publication_of
from cior_connectors._runtime.seal import Sealer
from cior_connectors._runtime.signs import Sign, Signs
from cior_connectors.builtin.dc09.panel import PanelSettings, encode
from cior_connectors.contract import Facts, Outcome, Received
from cior_connectors.kit.scripted import ScriptedSource
from cior_connectors.kit.subject import Bench, Subject
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import DataClass, Device, Place, PlaceMethod
from unit.connectors.pressing import SUBJECT, pressing, stamped

T0 = 1_795_305_600_000
NUMBERS = re.compile(r"p-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}")
SITE = Place(method=PlaceMethod.SITE, lat=-32.91, lon=-60.61, district="norte")
ACCOUNTS = ("2001", "2002", "2003", "2004")

Said = tuple[int, str, str]
"""When (ms after T0), which panel, and what: ``beat``, ``press``, or a Contact ID code."""


def _frame(account: str, sequence: int, what: str) -> bytes:
    settings = PanelSettings(account=account, port=0)
    if what == "beat":
        return encode(settings, token="NULL", sequence=sequence, data="")
    code = "121" if what == "press" else what
    return encode(settings, token="ADM-CID", sequence=sequence, data=f"#{account}|1{code} 00 001")


def _devices(sealed: str = "") -> tuple[Device, ...]:
    return tuple(
        Device(
            id=f"panel:{account}",
            kind="panel",
            place=SITE,
            expected_every_s=60.0,
            unencrypted=True,
            data_class=DataClass.SEALED if account == sealed else DataClass.RESTRICTED,
        )
        for account in ACCOUNTS
    )


class World:
    """A panel line, played. Each panel numbers its own frames, as panels do."""

    def __init__(self, sealed: str = "") -> None:
        self.subject = Subject("cior_connectors.builtin.dc09")
        self.devices = _devices(sealed)
        self.now_ms = T0
        self.shown: list[tuple[str, str, str, int]] = []

    async def play(self, said: Sequence[Said], *, until_ms: int = 600_000) -> None:
        source = ScriptedSource(self.subject.source().decode, [])
        numbers: Counter[str] = Counter()
        with self.subject.bench(source, devices=self.devices, now_ms=lambda: self.now_ms) as bench:
            waiting = sorted(said)
            for second in range(until_ms // 1000):
                while waiting and waiting[0][0] < (second + 1) * 1000:
                    at_ms, account, what = waiting.pop(0)
                    numbers[account] += 1
                    self.now_ms = T0 + at_ms
                    await self._hear(bench, account, _frame(account, 700 + numbers[account], what))
                self.now_ms = T0 + (second + 1) * 1000
                told = bench.instance.signs.due(now_ms=self.now_ms)
                self._note([(topics.TELEMETRY.name, codec.encode(event)) for event in told])
            self.metrics = bench.metrics.text()

    async def _hear(self, bench: Bench, account: str, raw: bytes) -> None:
        async def ack(_outcome: Outcome) -> None:
            return None

        facts = Facts(
            source=self.subject.source_urn,
            peer="198.51.100.7:40000",
            subject=f"panel:{account}",
            content_type="application/x-sia-dc09",
            details={"transport": "tcp", "frame": "frame", "arrived_ms": str(self.now_ms)},
        )
        before = len(bench.sink.messages)
        pipeline = bench.instance.pipeline
        await pipeline.ingest([pipeline.stamp(Received(payload=raw, facts=facts, ack=ack))])
        fresh = bench.sink.messages[before:]
        self._note([(each.topic, each.key + b" " + each.value) for each in fresh])

    def _note(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """What an observer sees who may read everything but the sealed topic, and when he sees it."""
        for topic, content in messages:
            if topic != topics.SEALED.name:
                text = content.decode()
                self.shown.append((topic, text, NUMBERS.sub("*", text), self.now_ms))

    @property
    def seen(self) -> Counter[tuple[str, str, int]]:
        """Without what differs from centre to centre; with the instant."""
        return Counter((topic, blind, at_ms) for topic, _, blind, at_ms in self.shown)


def _minutes(jitter: random.Random, *, beats: int = 9) -> list[Said]:
    return [
        (n * 60_000 + 5_000 * k + jitter.randrange(900), account, "beat")
        for k, account in enumerate(ACCOUNTS)
        for n in range(beats)
    ]


async def _world(said: Sequence[Said], sealed: str = "") -> World:
    world = World(sealed)
    await world.play(said)
    return world


@pytest.mark.parametrize("seed", range(3))
async def test_law_17_who_sees_everything_outside_cannot_tell_which_panel_of_the_district_pressed(
    seed: int,
) -> None:
    dice = random.Random(seed)
    beats, at_ms = _minutes(dice), dice.randrange(120_000, 420_000)
    quiet = await _world(beats)
    pressed = [await _world([*beats, (at_ms, account, "press")]) for account in ACCOUNTS]
    for world in pressed:
        assert world.seen == pressed[0].seen, "whoever pressed, the same is seen"
        more = world.seen - quiet.seen
        assert quiet.seen - world.seen == Counter(), "nothing is missing where somebody pressed"
        assert [topic for topic, _, _ in more] == [topics.URGENT.name]
        ((_, text, seen_ms),) = more
        assert seen_ms == T0 + at_ms, "a press is told at once"
        event = json.loads(text.partition(" ")[2])
        assert event["type"] == "ar.cior.silent.v1"
        assert "panel:" not in text
        assert "norte" in text


async def test_law_17_a_panel_that_begins_to_count_anew_when_it_pressed_leaves_no_gap() -> None:
    """Many panels send their next sign of life a minute after whatever they said last."""
    others = [each for each in _minutes(random.Random(1)) if each[1] != "2003"]
    steady = [(n * 60_000 + 55_000, "2003", "beat") for n in range(9)]
    moved = [each for each in steady if each[0] < 115_001]
    moved += [(150_000, "2003", "press"), *((210_000 + n * 60_000, "2003", "beat") for n in range(6))]
    quiet, pressed = await _world([*others, *steady]), await _world([*others, *moved])
    assert quiet.seen - pressed.seen == Counter()
    assert [topic for topic, _, _ in pressed.seen - quiet.seen] == [topics.URGENT.name]


async def test_law_17_nothing_outside_has_a_number_of_a_frame_or_is_made_of_one() -> None:
    world = await _world([*_minutes(random.Random(2)), (200_000, "2002", "130")])
    text = "\n".join(shown for _, shown, _, _ in world.shown)
    assert '"panel:2002"' in text, "who is not sealed is still known by name"
    # Within the digits of keyed ids and digests any four come up by chance; everywhere else they are searched.
    without_ids = re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}", "", text)
    assert not re.search(r'"sequence"|"repeat"|070\d', without_ids)
    assert not any(topic == topics.RAW.name for topic, *_ in world.shown), (
        "the bytes are where their numbers are"
    )
    loud = [json.loads(shown.partition(" ")[2]) for _, shown, _, _ in world.shown if "burglary" in shown]
    assert [event["id"][:2] for event in loud] == ["p-"], "an id made of a number is tried out in a second"


async def test_law_17_a_sealed_panel_is_supervised_and_pressed_under_names_that_nobody_can_join() -> None:
    said = [*_minutes(random.Random(3)), (200_500, "2001", "press"), (500_500, "2001", "press")]
    world = await _world([*said, (300_200, "2001", "302")], sealed="2001")
    events = [
        event
        for topic, shown, _, _ in world.shown
        for event in codec.records(Kind.EVENT, shown.partition(" ")[2].encode() or shown.encode())
        if event.data_class is DataClass.SEALED
    ]
    presses = [event for event in events if event.type == "silent"]
    supervised = [event for event in events if event.type != "silent"]
    names = {event.subject for event in supervised}
    assert len(names) == 1
    assert len({event.subject for event in presses}) == 2, "an alert, a name"
    assert names.isdisjoint(event.subject for event in presses)
    assert names.isdisjoint(event.independence for event in presses)
    assert {event.raw for event in supervised} == {None}
    instants = {event.received_ms for event in supervised} | {event.occurred_ms for event in supervised}
    assert {at_ms % 60_000 for at_ms in instants} == {0}, "of the period, never of the frame"
    assert {event.type for event in supervised} > {"heartbeat"}, "its low battery is not lost"
    assert {event.place.district for event in events} == {"norte"}


@pytest.mark.parametrize(
    "kind", ["silent.gbv", "silent.duress", "silent.family", "silent.proximity", "panic.app"]
)
def test_law_17_every_silence_looks_alike_outside_the_box(kind: str) -> None:

    sealer = Sealer(team_key=b"k" * 32, hmac_key=bytes(32))
    out = [
        sealer.strip(guarded(pressing(each), b"maria", stamped()).events[0], raw=None, device=None)
        for each in (kind, "silent.gbv")
    ]
    assert msgspec.structs.replace(out[0], id=out[1].id) == out[1]
    assert out[0].type == "silent"


def test_law_17_a_sealed_tracker_leaves_no_track() -> None:
    """It drives from home to a refuge: its signs of life stay where it is registered, a press says where it is."""
    sealer = Sealer(team_key=b"k" * 32, hmac_key=bytes(32))
    device = Device(id="maria", kind="gbv", data_class=DataClass.SEALED, place=SITE)
    channel = Channel(
        context=SUBJECT.context((device,)),
        sealer=sealer,
        life_safety=True,
        sealed=False,
        carries_sealed=True,
        keep=lambda events: events,
        expected_every_s=lambda _subject: 60.0,
        signs=Signs(key=sealer.pseudonym),
    )
    refuge = Place(method=PlaceMethod.GPS, lat=-33.0, lon=-60.7, district="sur")
    facts = stamped()
    out = [
        publication_of(channel, b"maria", facts, guarded(pressing(said, place=refuge), b"maria", facts))
        for said in ("position", "panic.app")
    ]
    moved, pressed = out
    assert (moved.lanes, [sign.alive.place.district for sign in moved.signs if sign.alive]) == ((), ["norte"])
    assert not any(message.topic != topics.SEALED.name for message in moved.messages)
    shown = [each for each in pressed.messages if each.topic == topics.URGENT.name]
    (event,) = codec.records(Kind.EVENT, shown[0].value)
    assert event.place == Place(method=PlaceMethod.DISTRICT, district="sur")


def test_who_invents_panels_takes_no_room_from_those_that_are_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cior_connectors._runtime.signs.MAX_DEVICES", 20)
    signs = Signs(key=Sealer(team_key=b"k" * 32, hmac_key=bytes(32)).pseudonym)
    beat = guarded(pressing("heartbeat"), b"bus-1", stamped()).events[0]

    def spoke(subject: str, *, registered: bool) -> None:
        alive = msgspec.structs.replace(beat, subject=subject, registered=registered)
        signs.heard(Sign(subject=subject, alive=alive, every_s=60.0), now_ms=T0)

    for n in range(500):
        spoke(f"panel:invented-{n}", registered=False)
    spoke("panel:real", registered=True)
    told = {event.subject for event in signs.due(now_ms=T0 + 120_000)}
    assert "panel:real" in told
    assert len(told) == 21
