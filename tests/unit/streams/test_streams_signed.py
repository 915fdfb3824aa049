"""Law 13 on the bus: an act counts when the part that took it signed it, and then once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_bus import topics
from cior_bus.message import MessageOut, RecordIn
from cior_bus.metrics import Metrics
from cior_bus.signing import check
from cior_city import packs
from cior_core import codec, identity, signatures
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionItem,
    ActionKind,
    Alert,
    AlertStatus,
    DeadLetter,
    Disposition,
    Event,
    EventItem,
    Lane,
    Place,
    PlaceMethod,
    TypeCode,
)
from cior_core.proof import Proof
from cior_core.signatures import Signed, SignerKey, SignerRing
from cior_streams.area_memory import AreaMemory
from cior_streams.correlating import Correlation
from cior_streams.domain import Areas, CoreCorrelator
from cior_streams.guard import Guard
from cior_streams.refusals import Refusals
from cior_streams.replay import replay
from cior_streams.sequencing import Sequencer
from doubles.bus import MemoryBus, record_in
from doubles.clock import T0_MS as T0
from doubles.clock import FakeClock
from doubles.signing import KEY, RING, STRANGER, opens, signed

HOUR_MS = 3_600_000
KEY_OF_AREA = DEFAULT_AREA.encode()
RULES = packs.rule_pack()


class Centre:
    """The urgent application without Faust: what is published to one topic is taken from it at once."""

    def __init__(self, ring: SignerRing = RING) -> None:
        def asks(told: Signed, /, *, at_ms: int | None) -> Proof:
            return signatures.open_action(told, ring, check=check, at_ms=at_ms)

        self.bus, self.clock, metrics = MemoryBus(), FakeClock(), Metrics()
        self.correlator = CoreCorrelator(RULES, opens=asks)
        self.memory = AreaMemory({}, self.correlator)
        self.sequencer = Sequencer(self.bus, clock=self.clock, areas=Areas(), partitions=4, opens=asks)
        self.refusals = Refusals(self.sequencer, clock=self.clock)
        self.guard = Guard(self.bus, clock=self.clock, metrics=metrics)
        self.correlation = Correlation(
            self.bus, self.memory, clock=self.clock, metrics=metrics, guard=self.guard
        )
        self._read = self._offset = 0

    async def press(self) -> Alert:
        event = Event(
            id=identity.event_id("test", "1"),
            source="test",
            type=TypeCode("panic.bus"),
            subject="bus-1",
            occurred_ms=T0,
            received_ms=T0,
            lane=Lane.URGENT,
            life_safety=True,
            place=Place(method=PlaceMethod.GPS, lat=-32.9, lon=-60.7, accuracy_m=10.0),
        )
        item = EventItem(
            id=identity.item_id("event", DEFAULT_AREA, event.id), area=DEFAULT_AREA, at_ms=T0, event=event
        )
        await self.bus.publish([MessageOut.of(item)])
        await self.correlate()
        (alert,) = self.alerts
        return alert

    async def hears(self, value: bytes, *, key: bytes = KEY_OF_AREA, offset: int | None = None) -> None:
        """A message on the actions' topic, a second after the one before."""
        if offset is None:
            self._offset += 1
            self.clock.at_ms += 1_000
        at = self._offset if offset is None else offset
        record = record_in(value, topic=topics.ACTIONS.name, offset=at, key=key, timestamp_ms=T0 + at * 1_000)
        await self.guard.run(record, self.sequencer.action, agent="actions", rescue=self.refusals.told)
        await self.correlate()

    async def arrives(self, message: MessageOut, *, offset: int) -> None:
        """A message of the bus, with the time that it has there."""
        at_ms = self.clock.at_ms if message.at_ms is None else message.at_ms
        record = record_in(
            message.value, topic=message.topic, offset=100 + offset, key=message.key, timestamp_ms=at_ms
        )
        await self.guard.run(record, self.sequencer.action, agent="actions", rescue=self.refusals.told)
        await self.correlate()

    async def correlate(self) -> None:
        while self._read < len(log := self.bus.on(topics.AREA.name)):
            message = log[self._read]
            record = record_in(message.value, topic=topics.AREA.name, offset=self._read, key=message.key)
            self._read += 1
            await self.guard.run(record, self.correlation.apply, agent="correlate", rescue=self.degrade)

    def degrade(self, record: RecordIn, error: BaseException) -> list[MessageOut]:
        return [*self.correlation.degrade(record, error), *self.refusals.told(record, error)]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        state = self.memory.load(DEFAULT_AREA).state
        return tuple(alert for alert in state.alerts if alert.type == "panic.bus")

    @property
    def letters(self) -> list[DeadLetter]:
        return [codec.decode(Kind.DEAD, each.value) for each in self.bus.on(topics.DEAD.name)]

    @property
    def told(self) -> list[Event]:
        """The integrity events on their way to the area log: they let presses go first."""
        items = [codec.decode(Kind.ITEM, each.value) for each in self.bus.on(topics.WAITING.name)]
        events = [item.event for item in items if isinstance(item, EventItem)]
        return [event for event in events if event.type == "integrity.action"]

    def log(self, path: Path) -> Path:
        """The area log as ``cior record`` writes it."""
        path.write_bytes(b"\n".join(each.value for each in self.bus.on(topics.AREA.name)))
        return path


def act(alert: Alert, kind: ActionKind = ActionKind.ACKNOWLEDGE, **changes: Any) -> Action:
    made = Action(
        id="act-1",
        kind=kind,
        actor="op-7",
        at_ms=T0 + 500,
        alert_id=alert.id,
        disposition=Disposition.FALSE_ALARM if kind is ActionKind.CLOSE else None,
    )
    return msgspec.structs.replace(made, **changes)


def wire(action: Action) -> bytes:
    """As anybody who can write to the topic may write it."""
    return msgspec.json.encode(action)


def spoiled(action: Action) -> bytes:
    proof = signed(action).proof
    assert proof is not None
    wrong = bytes([proof.signature[0] ^ 1]) + proof.signature[1:]
    return wire(msgspec.structs.replace(action, proof=msgspec.structs.replace(proof, signature=wrong)))


def re_dressed(action: Action) -> bytes:
    """An honest acknowledgement, with another act written around its proof."""
    return wire(
        msgspec.structs.replace(signed(action), kind=ActionKind.CLOSE, disposition=Disposition.FALSE_ALARM)
    )


def renamed(action: Action) -> bytes:
    """Another id around an honest proof: a replay that wants to be new."""
    return wire(msgspec.structs.replace(signed(action), id="act-2"))


def later(action: Action) -> bytes:
    """Another time of signing around an honest signature."""
    proof = signed(action).proof
    assert proof is not None
    return wire(
        msgspec.structs.replace(action, proof=msgspec.structs.replace(proof, at_ms=proof.at_ms + 60_000))
    )


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (wire, "action.unsigned"),
        (spoiled, "action.signature"),
        (re_dressed, "action.altered"),
        (renamed, "action.signature"),
        (later, "action.signature"),
        (lambda action: wire(signed(action, key=STRANGER)), "action.signer_unknown"),
        (lambda action: wire(signed(action, signer="demo")), "action.signer_unknown"),
        (lambda action: wire(signed(action))[:-20], "action.malformed"),
        (lambda _action: b"\xff\xfe", "action.malformed"),
    ],
    ids=["unsigned", "bit", "re-dressed", "renamed", "later", "stranger", "other part", "cut", "garbage"],
)
async def test_law_13_an_act_that_nobody_signed_so_is_a_dead_letter_and_an_integrity_event(
    forge: Callable[[Action], bytes], code: str
) -> None:
    centre = Centre()
    alert = await centre.press()
    value = forge(act(alert))
    await centre.hears(value)
    assert [each.status for each in centre.alerts] == [AlertStatus.OPEN]
    assert [(letter.code, letter.payload) for letter in centre.letters] == [(code, value)]
    (event,) = centre.told
    assert (event.attributes["reason"], event.lane) == (code, Lane.URGENT)


async def test_law_13_a_signed_act_acts(tmp_path: Path) -> None:
    centre = Centre()
    alert = await centre.press()
    await centre.hears(wire(signed(act(alert))))
    assert [each.status for each in centre.alerts] == [AlertStatus.ACKNOWLEDGED]
    assert (centre.letters, centre.told) == ([], [])


async def test_law_13_an_act_under_the_key_of_another_area_counts_for_nothing() -> None:
    centre = Centre()
    alert = await centre.press()
    await centre.hears(wire(signed(act(alert))), key=b"other-city")
    assert [letter.code for letter in centre.letters] == ["action.message_key"]
    assert centre.alerts[0].status is AlertStatus.OPEN


async def test_law_13_a_part_takes_only_the_acts_that_are_its_own() -> None:
    ring = SignerRing(
        keys=(SignerKey(signer="demo", public=bytes(KEY.verify_key), kinds=(ActionKind.NOTE,)),)
    )
    centre = Centre(ring)
    alert = await centre.press()
    await centre.hears(wire(signed(act(alert, ActionKind.CLOSE), signer="demo")))
    assert [letter.code for letter in centre.letters] == ["action.kind_not_allowed"]
    await centre.hears(wire(signed(act(alert, ActionKind.NOTE, id="n", reason="seen"), signer="demo")))
    assert centre.alerts[0].notes == ("seen",)


async def test_law_13_an_old_act_that_is_published_again_does_not_act_twice() -> None:
    """Closed, opened again by the operator; then somebody who recorded the bus plays the closing once more."""
    centre = Centre()
    alert = await centre.press()
    close = wire(signed(act(alert, ActionKind.CLOSE)))
    await centre.hears(close)
    await centre.hears(wire(signed(act(alert, ActionKind.REOPEN, id="act-2"))))
    assert centre.alerts[0].status is AlertStatus.OPEN
    await centre.hears(close)
    assert centre.alerts[0].status is AlertStatus.OPEN
    (letter,) = centre.letters
    assert letter.code == "action.replayed"
    assert close in letter.payload
    assert [event.attributes["reason"] for event in centre.told] == ["action.replayed"]


async def test_law_13_an_id_is_one_act_even_for_who_may_sign() -> None:
    centre = Centre()
    alert = await centre.press()
    await centre.hears(wire(signed(act(alert))))
    await centre.hears(wire(signed(act(alert, ActionKind.CLOSE))))
    assert [letter.code for letter in centre.letters] == ["action.other_content"]
    assert centre.alerts[0].status is AlertStatus.ACKNOWLEDGED
    assert len(centre.told) == 1


async def test_law_4_our_own_log_and_the_transport_may_tell_one_message_twice() -> None:
    """A worker that was killed reads the message again; a producer that asked again wrote it twice."""
    centre = Centre()
    alert = await centre.press()
    value = wire(signed(act(alert)))
    await centre.hears(value)
    await centre.hears(value, offset=1)
    again = record_in(value, topic=topics.ACTIONS.name, offset=9, key=KEY_OF_AREA, timestamp_ms=T0 + 1_000)
    await centre.guard.run(again, centre.sequencer.action, agent="actions", rescue=centre.refusals.told)
    await centre.correlate()
    assert len(centre.bus.on(topics.AREA.name)) == 4
    assert (centre.letters, centre.told) == ([], [])
    assert centre.alerts[0].status is AlertStatus.ACKNOWLEDGED


async def test_law_4_an_act_that_its_console_sends_again_hours_later_is_one_message_and_nobody_is_accused() -> (
    None
):
    """The console died after the bus had taken it and before that was noted; its successor sends it again."""
    centre = Centre()
    alert = await centre.press()
    taken = signed(act(alert))
    for hour in range(3):
        centre.clock.at_ms = taken.at_ms + hour * HOUR_MS
        await centre.arrives(MessageOut.of(taken), offset=hour)
        await centre.hears(wire(signed(act(alert, ActionKind.NOTE, id=f"n-{hour}", reason=f"seen {hour}"))))
    assert (centre.letters, centre.told) == ([], [])
    assert centre.alerts[0].status is AlertStatus.ACKNOWLEDGED
    assert centre.alerts[0].notes == ("seen 0", "seen 1", "seen 2")


@pytest.mark.parametrize("copied_instant", [False, True])
async def test_law_13_a_recorded_closing_that_a_stranger_plays_again_closes_nothing(
    copied_instant: bool,
) -> None:
    """He is told of, unless he forges the message's time as well; without effect it stays either way."""
    centre = Centre()
    alert = await centre.press()
    close = MessageOut.of(signed(act(alert, ActionKind.CLOSE)))
    await centre.arrives(close, offset=1)
    await centre.arrives(MessageOut.of(signed(act(alert, ActionKind.REOPEN, id="act-2"))), offset=2)
    centre.clock.at_ms += HOUR_MS
    played = MessageOut(topic=close.topic, key=close.key, value=close.value)
    await centre.arrives(
        msgspec.structs.replace(played, at_ms=close.at_ms) if copied_instant else played, offset=3
    )
    assert centre.alerts[0].status is AlertStatus.OPEN
    assert [letter.code for letter in centre.letters] == ([] if copied_instant else ["action.replayed"])


async def test_law_13_an_act_older_than_our_memory_of_acts_is_refused() -> None:
    centre = Centre()
    alert = await centre.press()
    kept_ms = round(RULES.suppress.forget_seen_h * HOUR_MS)
    centre.clock.at_ms = T0 + kept_ms + HOUR_MS
    await centre.hears(wire(signed(act(alert))))
    assert [letter.code for letter in centre.letters] == ["action.stale"]
    await centre.hears(wire(signed(act(alert, id="fresh"), at_ms=centre.clock.at_ms)))
    assert centre.alerts[0].status is AlertStatus.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda item: msgspec.structs.replace(item, action=msgspec.structs.replace(item.action, proof=None)),
         "action.unsigned"),
        (lambda item: msgspec.structs.replace(item, id="another"), "action.altered"),
        (
            lambda item: msgspec.structs.replace(
                item, action=msgspec.structs.replace(item.action, kind=ActionKind.HOLD, reason="x")
            ),
            "action.altered",
        ),
    ],
)  # fmt: skip
async def test_law_13_what_somebody_writes_into_the_area_log_itself_is_asked_for_its_proof_too(
    change: Callable[[ActionItem], ActionItem], code: str
) -> None:
    centre = Centre()
    alert = await centre.press()
    action = signed(act(alert))
    name = identity.item_id("action", DEFAULT_AREA, action.id)
    item = change(ActionItem(id=name, area=DEFAULT_AREA, at_ms=T0 + 1_000, action=action, stood="0:1:1"))
    await centre.bus.publish([MessageOut.of(item)])
    await centre.correlate()
    assert [letter.code for letter in centre.letters] == [code]
    assert [event.attributes["reason"] for event in centre.told] == [code]
    assert centre.alerts[0].status is AlertStatus.OPEN


async def test_law_13_a_back_dated_entry_of_the_area_log_does_not_make_an_old_act_fresh() -> None:
    centre = Centre()
    alert = await centre.press()
    action = signed(act(alert))
    centre.clock.at_ms = T0 + 90 * HOUR_MS
    await centre.hears(
        wire(signed(act(alert, ActionKind.NOTE, id="n", reason="x"), at_ms=centre.clock.at_ms))
    )
    item = ActionItem(
        id=identity.item_id("action", DEFAULT_AREA, action.id), area=DEFAULT_AREA, at_ms=T0 + 1_000,
        action=action, stood="0:1:1",
    )  # fmt: skip
    await centre.bus.publish([MessageOut.of(item)])
    await centre.correlate()
    assert [letter.code for letter in centre.letters] == ["action.stale"]


async def test_law_16_a_flood_of_forged_acts_is_one_event_a_minute_and_a_dead_letter_each() -> None:
    centre = Centre()
    alert = await centre.press()
    for n in range(100):
        await centre.hears(wire(act(alert, id=f"forged-{n}")))
    assert len(centre.letters) == 100
    assert [event.attributes["actions"] for event in centre.told] == [1, 60]


async def test_law_5_a_log_replays_to_the_same_bytes_after_the_key_was_rotated(tmp_path: Path) -> None:
    """The old key's time is over; what it signed in its time still counts, what was refused still does not."""
    centre = Centre()
    alert = await centre.press()
    await centre.hears(wire(signed(act(alert))))
    await centre.hears(wire(signed(act(alert))))
    log = centre.log(tmp_path / "log.ndjson")
    ended = msgspec.structs.replace(RING.keys[0], until_ms=T0 + HOUR_MS, honoured_until_ms=T0 + 2 * HOUR_MS)
    new = SignerKey(signer="console", public=bytes(STRANGER.verify_key), kinds=tuple(ActionKind))
    rotated = SignerRing(keys=(ended, new))

    def after(told: Signed, /, *, at_ms: int | None) -> Proof:
        return signatures.open_action(told, rotated, check=check, at_ms=at_ms)

    before = replay(log, RULES, tmp_path / "1", opens=opens)
    now = replay(log, RULES, tmp_path / "2", opens=after)
    assert (before.refused, before.sha256) == (1, now.sha256)
    assert now.refused == 1
    believed = replay(log, RULES, tmp_path / "3")
    assert believed.refused == 0


@pytest.mark.parametrize(
    ("signed_ms", "at_ms", "holds"),
    [
        (T0, T0, True),
        (T0 + HOUR_MS, T0 + HOUR_MS, True),
        (T0 + HOUR_MS + 1, T0 + HOUR_MS + 1, False),
        (T0 + HOUR_MS, T0 + 2 * HOUR_MS + 1, False),
        (T0 - HOUR_MS, T0, False),
        (T0 + HOUR_MS, T0 + HOUR_MS - 400_000, False),
        (T0 + HOUR_MS, None, True),
    ],
    ids=["in time", "its last", "after its end", "honoured no more", "before it was made", "ahead", "kept"],
)
def test_a_key_signs_in_its_time_and_is_honoured_a_while(
    signed_ms: int, at_ms: int | None, *, holds: bool
) -> None:
    key = msgspec.structs.replace(
        RING.keys[0], from_ms=T0, until_ms=T0 + HOUR_MS, honoured_until_ms=T0 + 2 * HOUR_MS
    )
    action = signed(Action(id="a", kind=ActionKind.NOTE, actor="op", at_ms=T0, reason="x"), at_ms=signed_ms)
    if holds:
        proof = signatures.open_action(action, SignerRing(keys=(key,)), check=check, at_ms=at_ms)
        assert proof == action.proof
    else:
        with pytest.raises(PayloadRejected, match=r"action\.key_out_of_time"):
            signatures.open_action(action, SignerRing(keys=(key,)), check=check, at_ms=at_ms)


def test_an_unsigned_act_has_no_wire_form() -> None:
    with pytest.raises(PayloadRejected, match=r"action\.unsigned"):
        MessageOut.of(Action(id="a", kind=ActionKind.NOTE, actor="op", at_ms=T0))
